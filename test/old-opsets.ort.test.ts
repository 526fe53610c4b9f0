import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPeftAdapter } from '../src/adapter-files/index.ts';
import { openPredictor } from '../src/evaluate/index.ts';
import { openBaseModel } from '../src/models/index.ts';
import { openEnvironment, type Environment } from '../src/onnxruntime/index.ts';
import { readInputs, resolveConfig, runTraining } from '../src/train/index.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-opsets-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

const wave = (count: number, row: number): number[] => Array.from({ length: count }, (_, i) => Math.sin(5 * row + i));
const ids = (row: number): number[] => Array.from({ length: 4 + row }, (_, i) => (7 * row + 3 * i) % 20);

type RowOf = (row: number) => Readonly<Record<string, unknown>>;
const rows = {
  mlp: (row) => ({ inputs: { x: wave(6, row) }, label: row % 3 }),
  numbers: (row) => ({ inputs: { x: wave(6, row) }, target: wave(3, row + 1) }),
  cnn: (row) => ({ inputs: { x: [Array.from({ length: 8 }, (_, i) => wave(8, row + i))] }, label: row % 4 }),
  encoder: (row) => ({ input_ids: ids(row), label: row % 3 }),
} satisfies Record<string, RowOf>;

interface Outcome {
  readonly losses: readonly number[];
  readonly logits: readonly number[];
}

async function trainAndScore(name: keyof typeof rows, opset: number): Promise<Outcome> {
  const [data, output] = [join(folder, `${name}.jsonl`), join(folder, `${name}-${opset}`)];
  await writeFile(data, [0, 1, 2, 3, 4, 5].map((row) => JSON.stringify(rows[name](row))).join('\n'));
  const file = `golden/old-opsets/${name === 'numbers' ? 'mlp' : name}-${opset}.onnx`;
  const path = fileURLToPath(new URL(file, import.meta.url));
  const targets = name === 'cnn' ? { targetModules: 'conv1,conv2,fc' } : {};
  const flags = { base: path, data, output, rank: 2, maxSteps: 3, batchSize: 3, shuffle: false, learningRate: 0.01 };
  await runTraining(resolveConfig({ flags: { ...flags, ...targets } }), { environment });
  const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return { losses: lines.map((line) => JSON.parse(line).loss), logits: await score(path, data, output) };
}

/** The logits of the rows of a file, with an adapter. */
async function score(path: string, data: string, output: string): Promise<number[]> {
  const base = await openBaseModel(path);
  const adapters = [await loadPeftAdapter(output, base.modules)];
  using predictor = await openPredictor({ base, environment, task: 'classification', adapters, maxLength: 16 });
  const results = await predictor.predict(await readInputs(data, { base, tokenizer: undefined, maxLength: 16 }));
  return results.flatMap((logits) => [...logits]);
}

describe.each(['mlp', 'numbers', 'cnn', 'encoder'] as const)('%s of an older operator set', (name) => {
  let newest: Outcome;
  beforeAll(async () => {
    newest = await trainAndScore(name, 18);
  });

  it.each([9, 11, 13, 17])('is trained and scored as that of operator set 18: %i', async (opset) => {
    const { losses, logits } = await trainAndScore(name, opset);
    expect([losses.length, logits.length]).toEqual([newest.losses.length, newest.logits.length]);
    expect(Math.max(...losses.map((loss, i) => Math.abs(loss - (newest.losses[i] ?? NaN))))).toBeLessThan(1e-6);
    expect(Math.max(...logits.map((logit, i) => Math.abs(logit - (newest.logits[i] ?? NaN))))).toBeLessThan(2e-6);
    expect(new Set(losses).size).toBe(3);
  });
});
