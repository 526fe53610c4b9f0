import { describe, expect, it } from 'vitest';
import { groupsOf } from './parameter-groups.ts';

const names = ['a.q_proj.lora_A', 'a.q_proj.lora_B', 'a.q_proj.lora_magnitude', 'a.v_proj.lora_A', 'a.v_proj.lora_B'];
const entries = names.map((name, i) => ({ name, shape: [10], start: 16 * i, end: 16 * i + 10 }));
const trainable = {
  decays: ({ name }: { name: string }) => !name.endsWith('magnitude'),
  trains: () => true,
};

type Config = Parameters<typeof groupsOf>[1]['config'];

const ratesOf = (config: Partial<Config>) =>
  groupsOf(entries, { config: { weightDecay: 0.1, ...config }, trainable, learningRate: 0.01 });

describe('groupsOf', () => {
  it('joins neighbours that have the same settings', () => {
    expect(ratesOf({})).toEqual([
      { start: 0, end: 26, weightDecay: 0.1, rate: 1 },
      { start: 32, end: 42, weightDecay: 0, rate: 1 },
      { start: 48, end: 74, weightDecay: 0.1, rate: 1 },
    ]);
  });

  it('lets B and magnitudes learn faster by the ratio of LoRA+', () => {
    expect(ratesOf({ loraPlusRatio: 16 }).map(({ start, rate }) => [start, rate])).toEqual([
      [0, 1],
      [16, 16],
      [32, 16],
      [48, 1],
      [64, 16],
    ]);
  });

  it('gives each parameter the rate of the first pattern that fits it or its module', () => {
    const learningRatePattern = { lora_A: 0.02, v_proj: 0.05, 'a.*': 0.03 };
    const rates = ratesOf({ learningRatePattern, loraPlusRatio: 2 }).map(({ rate }) => rate);
    expect(rates).toEqual([2, 6, 6, 2, 10]);
  });

  it('refuses a pattern that fits nothing', () => {
    expect(() => ratesOf({ learningRatePattern: { w_proj: 1 } })).toThrow('learningRatePattern expects');
  });
});
