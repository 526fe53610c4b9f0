import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeModel } from '../src/ir/index.ts';
import { injectLora } from '../src/lora/index.ts';
import { loadPeftAdapter } from '../src/adapter-files/index.ts';
import { buildClassificationGraph, openBaseModel } from '../src/models/index.ts';
import { openEnvironment, runOnce, type Environment } from '../src/onnxruntime/index.ts';
import { loadSafetensors, toFloat32, typedArray, type TensorData } from '../src/tensor/index.ts';
import { resolveConfig, runTraining } from '../src/train/index.ts';

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

const words = { input_ids: 'input_ids', attention_mask: 'attention_mask' };

describe.each([
  { name: 'bert', graph: 'torch-export', inputs: words },
  { name: 'bert', graph: 'torchscript', inputs: words },
  { name: 'mlp', graph: 'model.onnx', inputs: { features: 'x' } },
  { name: 'cnn', graph: 'model.onnx', inputs: { image: 'x' } },
])('$name from $graph', ({ name, graph, inputs }) => {
  it.each(['base', 'adapter'])('gives the logits of the reference: %s', async (state) => {
    const base = await openBaseModel(golden(`${name}/${graph}`));
    const { tensors } = await loadSafetensors(golden(`${name}/expected.safetensors`));
    const model = buildClassificationGraph(base);
    const feeds = Object.entries(inputs).map(([input, key]): [string, TensorData] => [input, named(tensors, key)]);
    if (state === 'adapter') {
      const { modules } = await loadPeftAdapter(golden(`${name}/adapter`), base.modules);
      injectLora(model, { modules: [...modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling })) });
      for (const [path, { a, b }] of modules) feeds.push([`${path}.lora_A`, a], [`${path}.lora_B`, b]);
    }
    using session = await environment.createSession(encodeModel(model), { externalDataFolder: base.dir });
    const { logits } = await runOnce(session, Object.fromEntries(feeds));
    const expected = toFloat32(named(tensors, `${state}_logits`));
    expect(largestDifference(logits ? toFloat32(logits) : [], expected)).toBeLessThan(1e-5);
  });

  it('is trained along the loss trace of the reference', async () => {
    const { tensors } = await loadSafetensors(golden(`${name}/expected.safetensors`));
    const expected = JSON.parse(await readFile(golden(`${name}/expected.json`), 'utf8')) as Expected;
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, rowsOf(tensors, inputs).join('\n'));
    const { lr, weightDecay } = expected.optimizer;
    const paths = { base: golden(`${name}/${graph}`), initAdapter: golden(`${name}/adapter`), data };
    const flags = { ...paths, output: join(folder, 'out'), learningRate: lr, weightDecay, maxSteps: 10 };
    const once = { batchSize: 8, shuffle: false, maxGradNorm: 0 };
    await runTraining(resolveConfig({ flags: { ...flags, ...once } }), { environment });
    const lines = (await readFile(join(folder, 'out', 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const losses = lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
    expect(losses).toHaveLength(10);
    losses.forEach((loss, step) => expect(Math.abs(loss - (expected.lossTrace[step] ?? NaN))).toBeLessThan(1e-3));
  });
});

interface Expected {
  readonly lossTrace: readonly number[];
  readonly optimizer: { readonly lr: number; readonly weightDecay: number };
}

/** The golden batch as lines of JSONL: token ids without their padding, or the numbers of the one input. */
function rowsOf(tensors: ReadonlyMap<string, TensorData>, inputs: Readonly<Record<string, string>>): string[] {
  const labels = numbers(named(tensors, 'labels'));
  return labels.map((label, row) => {
    if (!('input_ids' in inputs)) return JSON.stringify({ input: rowOf(named(tensors, 'x'), row), label });
    const [ids, mask] = ['input_ids', 'attention_mask'].map((key) => rowOf(named(tensors, key), row).flat());
    return JSON.stringify({ input_ids: ids?.filter((_, i) => mask?.[i] === 1), label });
  });
}

type Nested = number | Nested[];

/** One row of a tensor as nested lists. */
function rowOf(tensor: TensorData, row: number): Nested[] {
  const [, ...shape] = tensor.shape;
  const size = shape.reduce((count, dim) => count * dim, 1);
  let parts: Nested[] = numbers(tensor).slice(row * size, (row + 1) * size);
  for (const width of shape.slice(1).reverse()) {
    parts = Array.from({ length: parts.length / width }, (_, i) => parts.slice(i * width, (i + 1) * width));
  }
  return parts;
}

function numbers(tensor: TensorData): number[] {
  return Array.from(typedArray(tensor), Number);
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
