import { describe, expect, it } from 'vitest';
import type { MicroBatch } from '../data/micro-batch.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import { AdamW } from '../optimizer/adamw.ts';
import { Trainer } from './trainer.ts';

const specs = [{ name: 'layer.lora_A', shape: [4] }];
// WHY as: the session below reads nothing of it.
const micro = { targets: 2, tokens: 5 } as MicroBatch;

/** Takes a step for each gradient, of which some are not finite. */
async function steps(gradient: readonly number[], maxSkippedSteps: number) {
  using parameters = new ParameterArena(specs);
  using gradients = new ParameterArena(specs);
  const optimizer = new AdamW(parameters.flat);
  let runs = 0;
  using trainer = new Trainer({
    session: {
      run: async () => {
        gradients.flat.fill(gradient[runs++] ?? 0, 0, 4);
        return { lossSum: 1, correct: undefined };
      },
    },
    parameters,
    gradients,
    optimizer,
    groups: [{ start: 0, end: 4, weightDecay: 0 }],
    maxGradNorm: 0,
    maxSkippedSteps,
  });
  const lines = [];
  for (const _ of gradient) lines.push(await trainer.step({ microBatches: [micro] }, 0.1));
  return { lines, weights: [...parameters.flat.subarray(0, 4)], skipped: trainer.skipped, updates: optimizer.steps };
}

describe('a step whose gradients are not finite', () => {
  it('changes nothing, is counted, and is named in its line', async () => {
    const plain = await steps([1, 2, 3], 0);
    const some = await steps([1, NaN, 2, Infinity, 3], 2);
    expect(some).toMatchObject({ weights: plain.weights, skipped: 2, updates: 3 });
    expect(some.lines.map(({ step, skipped }) => [step, skipped])).toEqual([
      [1, undefined],
      [2, 'layer.lora_A'],
      [3, undefined],
      [4, 'layer.lora_A'],
      [5, undefined],
    ]);
  });

  it('ends the training beyond the bound', async () => {
    await expect(steps([1, NaN, NaN, 2], 1)).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      details: { step: 3, seen: expect.stringContaining('after 1 steps of which the same was true') as string },
    });
    await expect(steps([1, NaN], 0)).rejects.toMatchObject({ code: 'TRAINING_DIVERGED', details: { step: 2 } });
  });

  it('is an error of the base or the rows where nothing was learned before', async () => {
    await expect(steps([NaN], 5)).rejects.toMatchObject({ code: 'TRAIN_NOT_FINITE', details: { step: 1 } });
  });
});
