import { describe, expect, it } from 'vitest';
import { learningRateAt, warmupOf, type ScheduleName } from './schedule.ts';

const rates = (schedule: ScheduleName, warmupSteps: number, totalSteps: number, count = totalSteps + 1): number[] =>
  Array.from({ length: count }, (_, step) =>
    learningRateAt(step, { schedule, learningRate: 1, warmupSteps, totalSteps }),
  );

// What the lambdas of transformers' get_{constant,linear,cosine}_schedule_with_warmup give at each step.
const expected = {
  constant: [0, 1 / 3, 2 / 3, 1, 1, 1, 1, 1, 1, 1, 1],
  linear: [0, 1 / 3, 2 / 3, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7, 0],
  cosine: [
    0, 0.3333333333333333, 0.6666666666666666, 1, 0.9504844339512095, 0.8117449009293668, 0.6112604669781572,
    0.38873953302184283, 0.18825509907063326, 0.04951556604879048, 0,
  ],
};

describe('learningRateAt', () => {
  it.each(['constant', 'linear', 'cosine'] as const)('follows transformers through warm-up and decay: %s', (name) => {
    rates(name, 3, 10).forEach((rate, step) => expect(rate).toBeCloseTo(expected[name][step] ?? NaN, 14));
  });

  it('begins with the full rate where there is no warm-up', () => {
    expect(rates('linear', 0, 4)).toEqual([1, 0.75, 0.5, 0.25, 0]);
    expect(rates('cosine', 0, 4)[0]).toBe(1);
  });

  it.each(['linear', 'cosine'] as const)('ends at the floor, and stays there: %s', (schedule) => {
    const settings = { schedule, learningRate: 1, minLearningRate: 0.1, warmupSteps: 2, totalSteps: 10 };
    const floored = [0, 1, 2, 6, 10, 14].map((step) => learningRateAt(step, settings));
    // As transformers' cosine_with_min_lr: half-way between both rates in the middle of the fall.
    floored.forEach((rate, i) => expect(rate).toBeCloseTo([0, 0.5, 1, 0.55, 0.1, 0.1][i] ?? NaN, 14));
  });

  it('warms up over a share of all steps, rounded up', () => {
    expect([0, 0.1, 0.11].map((warmupRatio) => warmupOf({ warmupSteps: 5, warmupRatio }, 10))).toEqual([0, 1, 2]);
    expect(warmupOf({ warmupSteps: 5 }, 10)).toBe(5);
  });

  it('stays at 0 beyond the last step', () => {
    expect(rates('linear', 0, 4, 7).slice(4)).toEqual([0, 0, 0]);
  });

  it('only rises where the warm-up is longer than the training', () => {
    expect(rates('linear', 8, 4)).toEqual([0, 0.125, 0.25, 0.375, 0.5]);
  });
});
