import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../config/resolve-config.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';
import { fitMemory, type PredictMemory } from './fit-memory.ts';
import { memorySizeOf } from './memory-size.ts';
import { sparingSettings } from './sparing-settings.ts';

const flags = { base: 'base', data: 'rows.jsonl', output: 'out', batchSize: 4, accumulate: 3 };

/** Inputs of which only the settings are read. */
function inputsOf(given: Record<string, unknown>, base = {}): TrainingInputs {
  // WHY as: what fits is chosen from the settings and the prediction alone.
  return { config: resolveConfig({ flags: { ...flags, ...given } }), base } as unknown as TrainingInputs;
}

/** 100 MB, and for each row 100 with activations or 20 without; a packed base takes 200 more. */
const predict: PredictMemory = ({ config: { recompute, pack, batchSize } }) => {
  const peak = 100e6 + batchSize * (recompute ? 20e6 : 100e6) + (pack === true ? 200e6 : 0);
  return Promise.resolve({ memory: { peak, unknown: 0 } });
};

const chosen = async (memoryLimit: string, given: Record<string, unknown> = {}, base = {}) =>
  (await fitMemory(inputsOf({ memoryLimit, ...given }, base), predict)).config;

describe('fitMemory', () => {
  it('changes nothing without a limit', async () => {
    const inputs = inputsOf({});
    expect(await fitMemory(inputs, predict)).toBe(inputs);
  });

  it.each([
    ['1GB', { recompute: false, pack: true, batchSize: 4, accumulate: 3 }],
    ['650 MB', { recompute: false, pack: true, batchSize: 2, accumulate: 6 }],
    ['350MB', { recompute: false, pack: false, batchSize: 2, accumulate: 6 }],
    ['190MB', { recompute: true, pack: false, batchSize: 4, accumulate: 3 }],
    ['0.13GB', { recompute: true, pack: false, batchSize: 1, accumulate: 12 }],
  ])('takes the fastest way that fits into %s, with the same rows in a step', async (limit, expected) => {
    const { recompute, pack, batchSize, accumulate } = await chosen(limit);
    expect({ recompute, pack, batchSize, accumulate }).toEqual(expected);
  });

  it('keeps what was asked for', async () => {
    expect(await chosen('480MB', { recompute: true, pack: true })).toMatchObject({ recompute: true, pack: true });
    const grouped = { groupByLength: true };
    expect(await chosen('190MB', grouped)).toMatchObject({ batchSize: 4, accumulate: 3 });
    await expect(chosen('130MB', grouped)).rejects.toMatchObject({ details: { least: '180MB', rows: 4 } });
    await expect(chosen('130MB', {}, { fixedBatch: { rows: 4 } })).rejects.toThrow('180MB');
  });

  it('says the least that is needed when nothing fits', async () => {
    await expect(chosen('110MB')).rejects.toMatchObject({
      code: 'TRAIN_MEMORY_LIMIT',
      details: { limit: '110MB', least: '120MB', rows: 1 },
    });
  });

  it('goes on with what an interrupted training has chosen', async () => {
    const settings = { 'setting recompute': 'true', 'setting pack': 'false', 'setting batchSize': '2' };
    const again = { settings: { ...settings, 'setting accumulate': '6', 'setting seed': '1' } };
    const { config } = await fitMemory(inputsOf({ memoryLimit: '1GB' }), predict, again);
    expect(config).toMatchObject({ recompute: true, pack: false, batchSize: 2, accumulate: 6 });
    const { config: fresh } = await fitMemory(inputsOf({ memoryLimit: '1GB' }), predict, { settings });
    expect(fresh).toMatchObject({ recompute: false, batchSize: 4 });
  });
});

it('orders the ways of a batch that is not divided by their time', () => {
  const { config } = inputsOf({});
  const ways = sparingSettings(config, { divides: false }).map(({ recompute, pack }) => [recompute, pack]);
  expect(ways).toEqual([
    [false, true],
    [false, false],
    [true, true],
    [true, false],
  ]);
});

it.each([
  ['800MB', 8e8],
  ['1.5 GB', 1.5e9],
  ['2GiB', 2 ** 31],
  ['0.5MiB', 2 ** 19],
])('reads the size %s', (text, bytes) => {
  expect(memorySizeOf(text)).toBe(bytes);
});
