import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import { liveHandles } from '../native/index.ts';
import { openEnvironment } from '../onnxruntime/index.ts';
import { loadSafetensors, toFloat32, writeSafetensors, type TensorData } from '../tensor/index.ts';
import { resolveConfig } from './config/resolve-config.ts';
import { runTraining } from './loop/run-training.ts';
import type { TrainResult } from './report/train-result.ts';

const environment = openEnvironment({ threads: 1 });
afterAll(() => environment.dispose());

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-classify-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const golden = (place: string): string => fileURLToPath(new URL(`../../test/golden/${place}`, import.meta.url));

interface Trained {
  readonly result: TrainResult;
  readonly metrics: Record<string, number>[];
  readonly weights: Map<string, Float32Array>;
}

let trainings = 0;

async function train(
  base: string,
  rows: readonly unknown[] | string,
  flags: Record<string, unknown> = {},
): Promise<Trained> {
  const data = join(folder, 'rows.jsonl');
  const lines = typeof rows === 'string' ? rows : rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  await writeFile(data, lines);
  const output = join(folder, `out-${(trainings += 1)}`);
  const settings = { base: golden(`${base}/model`), data, output, learningRate: 0.01, maxSteps: 12, rank: 3 };
  const config = resolveConfig({ flags: { ...settings, ...flags } });
  const result = await runTraining(config, { environment });
  const text = await readFile(join(output, 'metrics.jsonl'), 'utf8');
  const metrics = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);
  const file = flags['full'] === true ? 'model.safetensors' : 'adapter_model.safetensors';
  const { tensors } = await loadSafetensors(join(output, file));
  return { result, metrics, weights: new Map([...tensors].map(([name, tensor]) => [name, toFloat32(tensor)])) };
}

/** A golden classifier's folder as that of its encoder alone: without the head, and names without the prefix. */
async function withoutHead(): Promise<string> {
  const dir = join(folder, 'encoder');
  await cp(golden('bert-types/model'), dir, { recursive: true });
  const config: unknown = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8'));
  await writeFile(join(dir, 'config.json'), JSON.stringify({ ...(config as object), architectures: ['BertModel'] }));
  const { tensors } = await loadSafetensors(join(dir, 'model.safetensors'));
  const body = [...tensors].flatMap(([name, data]): [string, TensorData][] =>
    name.startsWith('classifier') ? [] : [[name.replace('bert.', ''), data]],
  );
  await writeSafetensors(join(dir, 'model.safetensors'), body);
  return dir;
}

const reviews = [
  { text: 'the film was good', label: 'good' },
  { text: 'dull and slow', label: 'bad' },
  { text: 'it is fair, but no one liked the ending', label: 'fair' },
  { text: 'weak plot', text_pair: 'bright music', label: 'fair' },
];

describe('training a classifier', () => {
  it('learns labels by their names, and tells how many rows it gets right', async () => {
    const evalData = join(folder, 'rows.jsonl');
    const flags = { evalData, evalSteps: 6, targetModules: 'all-linear', modulesToSave: 'classifier', maxSteps: 30 };
    const { result, metrics } = await train('bert-types', reviews, flags);
    expect(result.evalAccuracyBefore).toBeLessThan(1);
    expect(result.evalAccuracyAfter).toBe(1);
    expect(result.evalLossAfter).toBeLessThan(0.1);
    expect(metrics.at(-1)).toMatchObject({ accuracy: 1, targetTokens: 4, evalAccuracy: 1 });
    expect(result.plan.data).toMatchObject({ rows: 4, supervisedTokens: 4 });
  });

  it('writes what PEFT was seen to load', async () => {
    const rows = await readFile(golden('trained-head/rows.jsonl'), 'utf8');
    const { result, weights } = await train('roberta', rows, {
      targetModules: 'all-linear',
      modulesToSave: 'classifier',
    });
    const { tensors } = await loadSafetensors(golden('trained-head/adapter_model.safetensors'));
    expect([...weights.keys()].sort()).toEqual([...tensors.keys()].sort());
    const configs = [result.output, golden('trained-head')].map((dir) =>
      readFile(join(dir, 'adapter_config.json'), 'utf8'),
    );
    const [written, seen] = (await Promise.all(configs)).map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(written).toEqual(seen);
  });

  it.each([
    { batchSize: 1, accumulate: 4 },
    { batchSize: 2, accumulate: 2 },
    { batchSize: 3, accumulate: 2 },
  ])('takes the same steps however the rows are split: $batchSize × $accumulate', async (split) => {
    const flags = { shuffle: false, maxSteps: 3, modulesToSave: 'classifier', optimizer: 'sgd', learningRate: 0.1 };
    const whole = await train('bert-types', reviews, { ...flags, batchSize: 4 });
    const parts = await train('bert-types', reviews, { ...flags, ...split });
    for (const [name, values] of whole.weights) {
      const other = parts.weights.get(name);
      values.forEach((value, i) => expect(Math.abs(value - (other?.[i] ?? NaN))).toBeLessThan(1e-6));
    }
  });

  it('goes on with a head that it trained before', async () => {
    const flags = { shuffle: false, modulesToSave: 'classifier', maxSteps: 4, batchSize: 4 };
    const first = await train('bert-types', reviews, flags);
    const again = { shuffle: false, maxSteps: 4, batchSize: 4, rank: undefined, initAdapter: first.result.output };
    const second = await train('bert-types', reviews, again);
    expect(second.result.firstLoss).toBeLessThan(first.result.lastLoss);
    expect([...second.weights.keys()]).toEqual([...first.weights.keys()]);
  });

  it('gives an encoder a new head, and goes on with it', async () => {
    const flags = { base: await withoutHead(), labels: 'good,bad,fair,strange', maxSteps: 30, batchSize: 4 };
    const first = await train('bert-types', reviews, flags);
    expect(first.result.firstLoss).toBeCloseTo(Math.log(4), 1);
    expect(first.result.lastLoss).toBeLessThan(0.2);
    expect(first.weights.get('base_model.model.classifier.weight')).toHaveLength(4 * 24);
    const again = { ...flags, maxSteps: 1, rank: undefined, initAdapter: first.result.output };
    expect((await train('bert-types', reviews, again)).result.firstLoss).toBeLessThan(0.2);
    expect((await train('bert-types', reviews, flags)).weights).toEqual(first.weights);
    await expect(train('bert-types', reviews, { ...flags, modulesToSave: 'pooler' })).rejects.toMatchObject({
      code: 'MODEL_HEAD_MISSING',
    });
  });

  it('gives no second head to a base that has one, and none to a decoder', async () => {
    const flags = { labels: 'good,bad' };
    await expect(train('bert-types', reviews, flags)).rejects.toMatchObject({ code: 'MODEL_HEAD_PRESENT' });
    await expect(train('llama', reviews, flags)).rejects.toMatchObject({ code: 'MODEL_TASK_UNSUPPORTED' });
  });

  it('trains every weight, heads included, where it is told to', async () => {
    const flags = { full: true, rank: undefined, learningRate: 1e-3, maxSteps: 20 };
    const { result, weights } = await train(
      'distilbert',
      [
        { input_ids: [5, 6, 7], label: 1 },
        { input_ids: [8], label: 0 },
      ],
      flags,
    );
    expect(result.lastLoss).toBeLessThan(result.firstLoss);
    expect([...weights.keys()]).toContain('pre_classifier.weight');
  });

  it.each([
    { flags: { modulesToSave: 'klassifier' }, code: 'TRAIN_CONFIG_INVALID' },
    { flags: { modulesToSave: 'classifier', targetModules: 'classifier' }, code: 'LORA_FILTER_UNMATCHED' },
    { flags: { maxLength: 21 }, code: 'TRAIN_CONFIG_INVALID' },
  ])('refuses $flags with $code', async ({ flags, code }) => {
    await expect(train('bert-types', reviews, flags)).rejects.toMatchObject({ code });
  });

  it('trains no head of a base that continues text', async () => {
    const training = train('llama', [{ input_ids: [1, 2, 3] }], { modulesToSave: 'lm_head' });
    await expect(training).rejects.toMatchObject({ code: 'TRAIN_CONFIG_CONFLICT' });
  });

  it('trains nothing whole that a graph of another tool holds fast', async () => {
    const flags = { base: golden('mlp/model.onnx'), modulesToSave: 'head', targetModules: 'layers.0', rank: 2 };
    const features = Array.from({ length: 6 }, (_, i) => i / 10);
    const training = train('mlp', [{ input: features, label: 1 }], flags);
    await expect(training).rejects.toMatchObject({ code: 'TRAIN_CONFIG_CONFLICT' });
  });

  it('gives every native handle back', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
