import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBaseModel } from '../../models/index.ts';
import { readDequantized } from '../../quantize/dequantize-base.ts';
import { WeightReader } from '../../quantize/weight-reader.ts';
import { loadSafetensors, typedArray, writeSafetensors, type TensorData } from '../../tensor/index.ts';
import { espalier, goldenFolder } from '../testing/run-espalier.ts';

const gguf = join(goldenFolder('gguf'), 'llama-q8_0.gguf');
/** What the file stands for. */
const config = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: 96,
  hidden_size: 64,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-6,
  rope_theta: 20_000,
  rope_scaling: {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
  tie_word_embeddings: false,
};

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-gguf-train-'));
  data = join(folder, 'rows.jsonl');
  const rows = [0, 1].map((row) => ({ input_ids: Array.from({ length: 12 }, (_, i) => (7 * i + 31 * row) % 96) }));
  await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes the floats of the file as a checkpoint. */
async function writeFloats(dir: string): Promise<void> {
  const base = await openBaseModel(gguf);
  await using reader = new WeightReader(base);
  const tensors = new Map<string, TensorData>();
  for (const [name, ref] of base.weights) {
    const { rows, columns } = ref.quantized ?? {};
    const shape = rows === undefined || columns === undefined ? ref.shape : [rows, columns];
    const values = await readDequantized(reader, ref);
    tensors.set(name, { dtype: 'float32', shape, bytes: new Uint8Array(values.slice().buffer) });
  }
  await mkdir(dir);
  await writeFile(join(dir, 'config.json'), JSON.stringify(config));
  await writeSafetensors(join(dir, 'model.safetensors'), tensors);
}

async function train(base: string, output: string): Promise<{ losses: number[]; adapter: Map<string, TensorData> }> {
  const words = ['train', '--base', base, '--data', data, '--output', output, '--max-steps', '3'];
  const { exitCode, stderr } = await espalier([...words, '--learning-rate', '0.01', '--seed', '3']);
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  const { tensors } = await loadSafetensors(join(output, 'adapter_model.safetensors'));
  return {
    losses: lines.map((line) => Number((JSON.parse(line) as { loss: number }).loss)),
    adapter: new Map(tensors),
  };
}

it('an adapter learns on a GGUF file what it learns on its floats, under the same names', async () => {
  await writeFloats(join(folder, 'floats'));
  const packed = await train(gguf, join(folder, 'packed-adapter'));
  const floats = await train(join(folder, 'floats'), join(folder, 'floats-adapter'));
  expect(packed.losses).toHaveLength(3);
  expect(packed.losses[2]).toBeLessThan(packed.losses[0] ?? 0);
  packed.losses.forEach((loss, i) => expect(Math.abs(loss - (floats.losses[i] ?? 0))).toBeLessThan(1e-4));
  expect([...packed.adapter.keys()]).toEqual([...floats.adapter.keys()]);
  expect([...packed.adapter.keys()]).toContain('base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight');
  // The file alone is enough to serve the adapter again.
  const words = ['inspect', gguf, '--json'];
  expect(await espalier(words)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('llama') });
});

it('a text goes on as in transformers, with the vocabulary of the file', async () => {
  const golden = goldenFolder('quantized/gguf-q8_0');
  const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
  const greedy = tensors.get('greedy_base');
  const ids = greedy === undefined ? [] : Array.from(typedArray(greedy), Number);
  // Tokens from 16 on are letters in the order of Unicode; those before are bytes and marks.
  const end = ids.findIndex((id) => id < 16);
  const text = (from: number, to: number): string =>
    String.fromCodePoint(...ids.slice(from, to).map((id) => 0x41 + id - 16));
  const words = ['generate', '--base', join(golden, 'model'), '--prompt', text(0, 5), '--max-tokens', String(end - 5)];
  expect(end).toBeGreaterThan(7);
  expect(await espalier(words)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(text(5, end)) });
});
