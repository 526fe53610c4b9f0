import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../../core/testing/cross-section.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { loadGolden } from '../testing/golden.ts';
import {
  readTrainingInputs,
  StepLoop,
  TrainingModel,
  type ReduceStep,
  type RunState,
  type StepCounts,
} from '../index.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-loop-'));
  environment = openEnvironment({ threads: 1 });
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** Rows of different lengths. */
const rowTexts = Array.from({ length: 7 }, (_, row) =>
  JSON.stringify({ input_ids: Array.from({ length: 4 + 2 * row }, (__, i) => 3 + ((7 * row + 5 * i) % 40)) }),
);

interface Stopped {
  readonly losses: number[];
  readonly weights: Float32Array;
  readonly state: RunState;
}

interface Going {
  readonly flags: Record<string, unknown>;
  readonly rows?: readonly string[];
  /** How many steps to take from here. */
  readonly take: number;
  readonly from?: Stopped;
  readonly reduce?: ReduceStep;
}

async function go({ flags, rows = rowTexts, take, from, reduce }: Going): Promise<Stopped> {
  const golden = await loadGolden('llama');
  const data = join(folder, `rows-${rows.length}-${rows[0]?.length}.jsonl`);
  await writeFile(data, `${rows.join('\n')}\n`);
  const config = resolveConfig({ flags: { base: golden.base, data, output: '-', rank: 2, ...flags } });
  await using inputs = await readTrainingInputs(config, {});
  using model = await TrainingModel.open(inputs);
  if (from !== undefined) model.parameters.flat.set(from.weights);
  using loop = await StepLoop.open(inputs, model, { environment, from: from?.state, reduce });
  const losses: number[] = [];
  for await (const { loss } of loop.steps()) if (losses.push(loss) === take) break;
  return { losses, weights: model.parameters.flat.slice(), state: await loop.state() };
}

const common = { batchSize: 2, accumulate: 2, shuffle: true, seed: 3, maxSteps: 7, learningRate: 1e-2 };

describe('a state of a training', () => {
  it.each<Record<string, unknown>>(
    crossSection(
      [
        { optimizer: 'adamw', weightDecay: 0.1, schedule: 'cosine' },
        { optimizer: 'adamw', dropout: 0.3 },
        { optimizer: 'lion', dropout: 0.3 },
        { optimizer: 'sgd' },
        { optimizer: 'sgd', momentum: 0.9, nesterov: true, dropout: 0.3 },
      ],
      3,
    ),
  )('is gone on from bit for bit, from any step: %o', async (settings) => {
    const flags = { ...common, ...settings };
    const whole = await go({ flags, take: 7 });
    expect(whole.losses).toHaveLength(7);
    for (const take of [1, 4]) {
      const first = await go({ flags, take });
      const from = { ...first, state: structuredClone(first.state) };
      const second = await go({ flags, take: 7 - take, from });
      expect([...first.losses, ...second.losses]).toEqual(whole.losses);
      expect(second.weights).toEqual(whole.weights);
      expect(second.state).toEqual(whole.state);
    }
  });

  it('is refused by a training with another optimizer, another seed or other parameters', async () => {
    const flags = { ...common, optimizer: 'adamw' };
    const from = await go({ flags, take: 1 });
    for (const change of [{ optimizer: 'lion' }, { seed: 4 }]) {
      const other = go({ flags: { ...flags, ...change }, take: 1, from });
      await expect(other).rejects.toMatchObject({ code: 'TRAIN_STATE_MISMATCH' });
    }
    const { state } = from;
    const short = { ...state.optimizer, moments: { ...state.optimizer.moments, firstMoment: new Float32Array(3) } };
    const other = go({ flags, take: 1, from: { ...from, state: { ...state, optimizer: short } } });
    await expect(other).rejects.toMatchObject({ code: 'TRAIN_STATE_MISMATCH' });
  });
});

describe('a reduction between accumulation and gradient norm', () => {
  it('makes two processes with half of the rows each take the steps of one with all of them', async () => {
    const flags = { shuffle: false, batchSize: 3, maxSteps: 4, optimizer: 'adamw', learningRate: 1e-2 };
    const six = rowTexts.slice(0, 6);
    const one = await go({ flags: { ...flags, accumulate: 2 }, rows: six, take: 4 });
    const sum = sumOfTwo();
    const ranks = [six.slice(0, 3), six.slice(3)].map((rows, rank) => {
      let summed: Float32Array | undefined;
      const reduce: ReduceStep = {
        gradients: async (values) => void (summed = values),
        counts: async (own) => sum(rank, summed ?? new Float32Array(), own),
      };
      return go({ flags, rows, take: 4, reduce });
    });
    for (const rank of await Promise.all(ranks)) {
      expect(rank.losses).toEqual(one.losses);
      expect(rank.weights).toEqual(one.weights);
    }
  });
});

/** Adds up what two callers bring, and gives both the sum once both are there. */
function sumOfTwo() {
  let parts: { rank: number; gradients: Float32Array; counts: StepCounts }[] = [];
  let waiting: (() => void) | undefined;
  let total: StepCounts | undefined;
  return async (rank: number, gradients: Float32Array, counts: StepCounts): Promise<StepCounts> => {
    parts.push({ rank, gradients, counts });
    if (parts.length === 1) {
      await new Promise<void>((resolve) => (waiting = resolve));
    } else {
      const [a, b] = parts.sort((left, right) => left.rank - right.rank);
      if (a === undefined || b === undefined) throw new Error('there are two');
      a.gradients.forEach((value, i) => (a.gradients[i] = value + (b.gradients[i] ?? 0)));
      b.gradients.set(a.gradients);
      const add = (key: 'lossSum' | 'targets' | 'tokens'): number => a.counts[key] + b.counts[key];
      total = { lossSum: add('lossSum'), correct: undefined, targets: add('targets'), tokens: add('tokens') };
      parts = [];
      waiting?.();
    }
    if (total === undefined) throw new Error('both have come');
    return total;
  };
}

describe('StepLoop', () => {
  it('leaves no native handle behind', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
