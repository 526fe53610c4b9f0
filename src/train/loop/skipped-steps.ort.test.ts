import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NativeMemory } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { HeldTraining } from '../device/held-training.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import { AdamW } from '../optimizer/adamw.ts';
import { Trainer } from './trainer.ts';

const specs = [{ name: 'layer.lora_A', shape: [4] }];
// WHY as: the session below reads nothing of it.
const micro = { targets: 2, tokens: 5 } as MicroBatch;

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
});

interface How {
  readonly maxSkippedSteps?: number;
  readonly maxGradNorm?: number;
  /** The sum of the losses of each step. Default: 1 */
  readonly losses?: readonly number[];
  /** Whether everything is kept beside the graph. */
  readonly isHeld: boolean;
}

/** Takes a step for each gradient, of which some are not finite. */
async function steps(gradient: readonly number[], { maxSkippedSteps = 0, maxGradNorm = 0, losses = [], isHeld }: How) {
  using parameters = new ParameterArena(specs);
  using gradients = new ParameterArena(specs);
  const optimizer = new AdamW(parameters.flat);
  const groups = [{ start: 0, end: 4, weightDecay: 0 }];
  let runs = 0;
  let written = gradients.flat;
  const run = async () => {
    written.fill(gradient[runs] ?? 0, 0, 4);
    return { lossSum: losses[runs++] ?? 1, correct: undefined };
  };
  const allocate = async (byteLength: number, what: string): Promise<NativeMemory> => {
    const memory = NativeMemory.allocate(byteLength);
    if (what === 'gradients') written = memory.float32();
    return memory;
  };
  const passes = { run, allocate, isOnDevice: true, bindFlat: () => undefined, dispose: () => undefined };
  const own = { passes: { ...passes, [Symbol.dispose]: passes.dispose }, parameters, optimizer, groups };
  using held = isHeld
    ? await HeldTraining.open({ environment, ...own, name: 'adamw', settings: {}, isSummed: false })
    : undefined;
  const common = { parameters, gradients, optimizer, groups };
  using trainer = new Trainer({ session: { run }, ...common, maxGradNorm, maxSkippedSteps, held });
  const lines = [];
  for (const _ of gradient) lines.push(await trainer.step({ microBatches: [micro] }, 0.1));
  await held?.read();
  return { lines, weights: [...parameters.flat.subarray(0, 4)], skipped: trainer.skipped, updates: optimizer.steps };
}

describe.each([
  ['on the host', false],
  ['beside the graph', true],
])('a step whose gradients are not finite, %s', (_, isHeld) => {
  it('changes nothing, is counted, and is named in its line', async () => {
    const plain = await steps([1, 2, 3], { isHeld });
    const some = await steps([1, NaN, 2, Infinity, 3], { isHeld, maxSkippedSteps: 2 });
    expect(some).toMatchObject({ weights: plain.weights, skipped: 2, updates: 3 });
    expect(some.lines.map(({ step, skipped }) => [step, skipped])).toEqual([
      [1, undefined],
      [2, 'layer.lora_A'],
      [3, undefined],
      [4, 'layer.lora_A'],
      [5, undefined],
    ]);
  });

  it('names no gradient where the loss alone is not finite', async () => {
    const how = { losses: [1, 1, NaN, 1], isHeld, maxSkippedSteps: 2 };
    const { lines, skipped } = await steps([1, NaN, 2, 3], how);
    expect(skipped).toBe(2);
    expect(lines.map((line) => line.skipped)).toEqual([undefined, 'layer.lora_A', 'the loss', undefined]);
  });

  it('ends the training beyond the bound', async () => {
    await expect(steps([1, NaN, NaN, 2], { isHeld, maxSkippedSteps: 1 })).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      details: { step: 3, seen: expect.stringContaining('after 1 steps of which the same was true') as string },
    });
    await expect(steps([1, NaN], { isHeld })).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      details: { step: 2 },
    });
  });

  it('is an error of the base or the rows where nothing was learned before', async () => {
    await expect(steps([NaN], { isHeld, maxSkippedSteps: 5 })).rejects.toMatchObject({
      code: 'TRAIN_NOT_FINITE',
      details: { step: 1 },
    });
  });
});

it('is none where squares alone are beyond the numbers of f32', async () => {
  const how = { maxGradNorm: 1 };
  const [held, host] = [
    await steps([1, 1e30, 3], { ...how, isHeld: true }),
    await steps([1, 1e30, 3], { ...how, isHeld: false }),
  ];
  expect(held).toMatchObject({ skipped: 0, updates: 3 });
  expect(held.lines[1]?.gradNorm).toBe(host.lines[1]?.gradNorm);
  for (const [i, weight] of held.weights.entries()) expect(weight).toBeCloseTo(host.weights[i] ?? NaN, 6);
});
