import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

import { loadPeftAdapter, mergeCheckpoint } from '../../adapter-files/index.ts';
import { createRandom } from '../../core/index.ts';
import { openBaseModel, type BaseModel } from '../../models/index.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment } from '../../onnxruntime/index.ts';
import type { WeightedAdapter } from '../scoring/merge-adapters.ts';
import {
  loadSafetensors,
  tensorOf,
  toFloat32,
  typedArray,
  type TensorData,
  type TensorOf,
} from '../../tensor/index.ts';
import { openPredictor, type PredictorOptions } from './predictor.ts';

const environment = openEnvironment({ threads: 1 });
afterAll(() => environment.dispose());

const golden = (place: string): string => fileURLToPath(new URL(`../../../test/golden/${place}`, import.meta.url));

async function openGolden(name: string): Promise<BaseModel> {
  return openBaseModel(golden(`${name}/model`));
}

async function loadGoldenAdapter(place: string, base: BaseModel): Promise<WeightedAdapter> {
  return loadPeftAdapter(golden(place), base.modules, { weights: base.weights });
}

/** The rows of a golden case, without padding, and what is expected of each. */
async function rowsOf(place: string, key: string): Promise<{ rows: { inputIds: number[] }[]; expected: number[][] }> {
  const { tensors } = await loadSafetensors(golden(`${place}/expected.safetensors`));
  const table = (name: string, read: (tensor: TensorData) => number[]): number[][] => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`${place} has no ${name}`);
    const [count = 0, width = 0] = tensor.shape;
    const values = read(tensor);
    return Array.from({ length: count }, (_, row) => values.slice(row * width, (row + 1) * width));
  };
  const whole = (tensor: TensorData): number[] => Array.from(typedArray(tensor), Number);
  const mask = table('attention_mask', whole);
  const rows = table('input_ids', whole).map((ids, row) => ({ inputIds: ids.filter((_, i) => mask[row]?.[i] === 1) }));
  return { rows, expected: table(key, (tensor) => [...toFloat32(tensor)]) };
}

function largestDifference(actual: readonly Float32Array[], expected: readonly number[][]): number {
  if (actual.length !== expected.length) return Infinity;
  const differences = expected.flatMap((row, r) => row.map((value, i) => Math.abs(value - (actual[r]?.[i] ?? NaN))));
  return Math.max(...differences);
}

async function openBert(options: Partial<PredictorOptions> = {}): ReturnType<typeof openPredictor> {
  return openPredictor({ base: await openGolden('bert'), environment, task: 'classification', ...options });
}

describe('Predictor', () => {
  it('refuses an adapter whose whole parameter is called like an input of the rows', async () => {
    const saved = new Map([['token_type_ids', tensorOf('float32', [1], [1])]]);
    const adapters: WeightedAdapter[] = [{ modules: new Map(), saved }];
    await expect(openBert({ adapters })).rejects.toMatchObject({
      code: 'LORA_PARTS_NOT_APPLIED',
      message: expect.stringContaining('with the names of inputs, token_type_ids') as unknown,
    });
  });

  it('gives what PEFT gives with an adapter and a head that were trained here', async () => {
    const base = await openGolden('roberta');
    const adapters = [await loadGoldenAdapter('trained-head', base)];
    using predictor = await openPredictor({ base, environment, task: 'classification', adapters });
    const { rows, expected } = await rowsOf('trained-head', 'logits');
    expect(largestDifference(await predictor.predict(rows), expected)).toBeLessThan(1e-4);
  });

  it('adds biases of lora_bias, as a merge does, also those of several adapters', async () => {
    const base = await openGolden('bert');
    const path = 'bert.encoder.layer.0.attention.self.query';
    const { in: width = 0, out = 0 } = base.modules.find((module) => module.path === path) ?? {};
    const random = createRandom(4, 'biases');
    const drawn = (...shape: number[]): TensorOf<'float32'> =>
      tensorOf(
        'float32',
        shape,
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
      );
    const module = { rank: 2, scaling: 0.5, a: drawn(2, width), b: drawn(out, 2), bias: drawn(out) };
    const modules = new Map([[path, module]]);
    const folder = await mkdtemp(join(tmpdir(), 'espalier-biases-'));
    const output = join(folder, 'merged');
    await mergeCheckpoint({ base, adapters: [{ modules, scale: 1 }], output });
    const { rows, expected } = await rowsOf('bert', 'base_logits');
    const merged = await openBaseModel(output);
    using reference = await openPredictor({ base: merged, environment, task: 'classification' });
    const wanted = (await reference.predict(rows)).map((row) => [...row]);
    for (const scales of [[1], [0.75, 0.25]]) {
      using predictor = await openBert({ adapters: scales.map((scale) => ({ modules, scale })) });
      expect(largestDifference(await predictor.predict(rows), wanted)).toBeLessThan(1e-4);
    }
    expect(
      Math.max(...wanted.flatMap((row, r) => row.map((value, i) => Math.abs(value - (expected[r]?.[i] ?? NaN))))),
    ).toBeGreaterThan(0.001);
    await rm(folder, { recursive: true });
  });

  it.each([1, 12, 24, 1000])(
    'gives the rows their own results, in batches of at most %i tokens',
    async (maxBatchTokens) => {
      const { rows, expected } = await rowsOf('bert', 'base_logits');
      using predictor = await openBert({ maxBatchTokens });
      const many = [...rows, ...rows.toReversed(), ...rows];
      const wanted = [...expected, ...expected.toReversed(), ...expected];
      expect(largestDifference(await predictor.predict(many), wanted)).toBeLessThan(1e-5);
    },
  );

  it('answers calls that come at once, each with its own', async () => {
    const { rows, expected } = await rowsOf('bert', 'base_logits');
    using predictor = await openBert();
    const answers = await Promise.all(rows.map((row) => predictor.predict([row])));
    expect(largestDifference(answers.flat(), expected)).toBeLessThan(1e-5);
  });

  it('knows an adapter at scale 0 from one at scale 1', async () => {
    const base = await openGolden('bert');
    const adapter = await loadGoldenAdapter('bert/trained', base);
    const { rows, expected } = await rowsOf('bert', 'base_logits');
    using off = await openBert({ adapters: [{ ...adapter, scale: 0 }] });
    expect(largestDifference(await off.predict(rows), expected)).toBeLessThan(1e-5);
    using on = await openBert({ adapters: [adapter] });
    expect(largestDifference(await on.predict(rows), expected)).toBeGreaterThan(0.1);
  });

  it('has nothing to say of no rows', async () => {
    using predictor = await openBert();
    expect(await predictor.predict([])).toEqual([]);
  });

  it('refuses what the base cannot read, and goes on', async () => {
    using predictor = await openBert();
    const long = { inputIds: Array.from({ length: 65 }, () => 5) };
    await expect(predictor.predict([long])).rejects.toMatchObject({ code: 'MODEL_CONTEXT_EXCEEDED' });
    await expect(predictor.predict([{ inputIds: [5, 128] }])).rejects.toMatchObject({
      code: 'MODEL_TOKEN_OUT_OF_RANGE',
    });
    const reason = new Error('enough');
    const aborted = predictor.predict([{ inputIds: [5] }], { signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    expect(await predictor.predict([{ inputIds: [5] }])).toHaveLength(1);
  });

  it('refuses two heads at once', async () => {
    const base = await openGolden('roberta');
    const adapter = await loadGoldenAdapter('trained-head', base);
    const opening = openPredictor({ base, environment, task: 'classification', adapters: [adapter, adapter] });
    await expect(opening).rejects.toMatchObject({ code: 'LORA_PARTS_NOT_APPLIED' });
  });

  it('gives every native handle back', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
