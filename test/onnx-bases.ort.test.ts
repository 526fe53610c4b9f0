import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeModel } from '../src/ir/index.ts';
import { injectLora } from '../src/lora/index.ts';
import { loadPeftAdapter } from '../src/adapter-files/index.ts';
import { buildScoringGraph, openBaseModel } from '../src/models/index.ts';
import { openEnvironment, runOnce, type Environment } from '../src/onnxruntime/index.ts';
import { loadSafetensors, tensorOf, toFloat32, typedArray, type TensorData } from '../src/tensor/index.ts';
import { resolveConfig, runTraining } from '../src/train/index.ts';
import { loadGolden, type GoldenCase } from '../src/train/testing/golden.ts';

const golden = (path: string): string => fileURLToPath(new URL(`golden/${path}`, import.meta.url));

let environment: Environment;
let folder: string;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-onnx-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.each([
  { name: 'llama-d16', exporter: 'torch-export' },
  { name: 'llama-d16', exporter: 'genai-fp32' },
  { name: 'llama-d16', exporter: 'optimum' },
  { name: 'llama-d16', exporter: 'torch-past' },
  { name: 'llama-d16', exporter: 'merged' },
  { name: 'gpt2', exporter: 'torch-export' },
])("PEFT's adapter on $name as $exporter writes it", ({ name, exporter }) => {
  it.each(['adapter', 'trained'])('gives the reference logits: %s', async (state) => {
    const base = await openBaseModel(golden(`${name}/${exporter}`));
    const { modules } = await loadPeftAdapter(golden(`${name}/${state}`), base.modules);
    const model = buildScoringGraph(base);
    injectLora(model, { modules: [...modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling })) });
    const { tensors } = await loadSafetensors(golden(`${name}/expected.safetensors`));
    using session = await environment.createSession(encodeModel(model), { externalDataFolder: base.dir });
    const parts = [...modules].flatMap(([path, { a, b }]): [string, TensorData][] => [
      [`${path}.lora_A`, a],
      [`${path}.lora_B`, b],
    ]);
    const mask = numbers(tensors, 'attention_mask');
    const rows = mask.flatMap((bit, row) => (bit === 1 ? [row] : []));
    const { logits } = await runOnce(session, {
      ...Object.fromEntries(parts),
      input_ids: named(tensors, 'input_ids'),
      rows: tensorOf('int64', [rows.length], rows),
    });
    const expected = toFloat32(named(tensors, `${state}_logits`));
    const wanted = rows.flatMap((row) => [...expected.subarray(row * 128, (row + 1) * 128)]);
    expect(largestDifference(logits ? toFloat32(logits) : [], wanted)).toBeLessThan(1e-4);
  });

  it('is trained along the reference loss trace', async () => {
    const reference = await loadGolden(name);
    const losses = await train(golden(`${name}/${exporter}`), reference);
    expect(losses).toHaveLength(10);
    losses.forEach((loss, step) => expect(Math.abs(loss - (reference.lossTrace[step] ?? NaN))).toBeLessThan(1e-3));
  });
});

describe('the 4-bit model of onnxruntime-genai', () => {
  it('is trained as PEFT trains its dequantized weights', async () => {
    const losses = await train(golden('llama-d16/genai-int4'), await loadGolden('llama-d16'));
    const text = await readFile(golden('llama-d16/genai-int4/dequantized.json'), 'utf8');
    const { lossTrace } = JSON.parse(text) as { lossTrace: number[] };
    losses.forEach((loss, step) => expect(Math.abs(loss - (lossTrace[step] ?? NaN))).toBeLessThan(1e-3));
  });
});

/** Ten steps as PEFT took them. @returns the loss before each */
async function train(base: string, { adapter, rows, optimizer }: GoldenCase): Promise<number[]> {
  const data = join(folder, 'rows.jsonl');
  await writeFile(data, rows);
  const flags = { base, data, output: join(folder, 'out'), initAdapter: adapter, ...optimizer, maxSteps: 10 };
  await runTraining(resolveConfig({ flags: { ...flags, shuffle: false, maxGradNorm: 0 } }), { environment });
  const lines = (await readFile(join(folder, 'out', 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
}

function numbers(tensors: ReadonlyMap<string, TensorData>, key: string): number[] {
  return Array.from(typedArray(named(tensors, key)), Number);
}

function named(tensors: ReadonlyMap<string, TensorData>, key: string): TensorData {
  const tensor = tensors.get(key);
  if (tensor === undefined) throw new Error(`no tensor ${key}`);
  return tensor;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  return Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] ?? NaN))), 0);
}
