import { describe, expect, it } from 'vitest';
import type { MicroBatch } from '../data/micro-batch.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import type { PassPlace } from '../graph/passes.ts';
import { AdamW } from '../optimizer/adamw.ts';
import { Trainer, type TrainerOptions } from './trainer.ts';

const specs = [{ name: 'layer.lora_A', shape: [4] }];
// WHY as: the session below reads nothing of it.
const microBatches = Array.from({ length: 4 }, (_, batch) => ({ targets: 2, tokens: 5, batch }) as MicroBatch);

/** What each pass of two steps is told of the parameters, and whether they are those of the pass before. */
async function passesOf(local?: TrainerOptions['local']) {
  using parameters = new ParameterArena(specs);
  using gradients = new ParameterArena(specs);
  const passes: { told: boolean; isSame: boolean }[] = [];
  let before = NaN;
  const run = async (_: MicroBatch, { sameParameters = false }: Partial<PassPlace> = {}) => {
    const now = parameters.flat[0] ?? NaN;
    passes.push({ told: sameParameters, isSame: now === before });
    before = now;
    gradients.flat.fill(1, 0, 4);
    return { lossSum: 1, correct: undefined };
  };
  const optimizer = new AdamW(parameters.flat);
  const groups = [{ start: 0, end: 4, weightDecay: 0 }];
  using trainer = new Trainer({ session: { run }, parameters, gradients, optimizer, groups, maxGradNorm: 0, local });
  for (let step = 0; step < 2; step++) await trainer.step({ microBatches }, 0.1);
  return passes;
}

describe('the passes of a step', () => {
  it('are told that the parameters are the same exactly where they are', async () => {
    const passes = await passesOf();
    expect(passes.map(({ told }) => told)).toEqual([false, true, true, true, false, true, true, true]);
    for (const { told, isSame } of passes) expect(told).toBe(isSame);
  });

  it('are told so within a local step alone', async () => {
    const passes = await passesOf({ batches: 2, merge: (own) => Promise.resolve(own) });
    expect(passes.map(({ told }) => told)).toEqual([false, true, false, true, false, true, false, true]);
    for (const { told, isSame } of passes) expect(told).toBe(isSame);
  });
});
