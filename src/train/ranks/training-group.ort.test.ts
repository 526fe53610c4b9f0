import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Floats, ProcessGroup, ReduceOp } from '../../collectives/index.ts';
import { groupHere } from '../../collectives/testing/group-here.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { loadSafetensors, toFloat32 } from '../../tensor/index.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { runTraining } from '../loop/run-training.ts';
import { planTraining } from '../memory/plan-training.ts';
import type { StepMetrics } from '../report/metrics.ts';
import type { TrainEvent, TrainResult } from '../report/train-result.ts';
import { loadGolden } from '../testing/golden.ts';

let environment: Environment;
let folder: string;
let outputs = 0;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-ranks-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Rows of very different lengths, so that a mean of means would differ from the mean of all. */
const rowTexts = Array.from({ length: 11 }, (_, row) =>
  JSON.stringify({
    input_ids: Array.from({ length: 3 + ((row * row * 5) % 29) }, (__, i) => 3 + ((7 * row + 5 * i) % 40)),
  }),
);
const labelled = Array.from({ length: 11 }, (_, row) =>
  JSON.stringify({
    input_ids: Array.from({ length: 3 + ((row * 5) % 9) }, (__, i) => 3 + ((7 * row + 5 * i) % 40)),
    label: row % 2,
  }),
);

type Flags = Readonly<Record<string, unknown>>;

interface Trained {
  readonly output: string;
  readonly result: TrainResult;
  readonly lines: readonly StepMetrics[];
  readonly events: readonly TrainEvent[];
  readonly weights: Buffer;
}

interface Going {
  readonly name?: string;
  /** The step after which one rank is asked to end. */
  readonly stopAfter?: number;
  /** Other settings of one rank. */
  readonly other?: { readonly rank: number; readonly flags: Flags };
  readonly base?: string;
  /** Changes what a rank computes with the others. */
  readonly meddle?: (group: ProcessGroup) => void;
}

/** Trains with so many ranks in this process. */
async function train(ranks: number, flags: Flags, going: Going = {}): Promise<Trained> {
  const golden = await loadGolden(going.base ?? 'llama');
  const data = join(folder, 'rows.jsonl');
  await writeFile(data, `${(going.base === 'bert' ? labelled : rowTexts).join('\n')}\n`);
  const output = join(folder, going.name ?? `out-${(outputs += 1)}`);
  const common = {
    base: golden.base,
    data,
    output,
    rank: 2,
    seed: 3,
    maxSteps: 6,
    learningRate: 1e-2,
    optimizer: 'sgd',
  };
  const events: TrainEvent[] = [];
  const groups = ranks === 1 ? [undefined] : await groupHere(ranks);
  for (const group of groups) if (group !== undefined) going.meddle?.(group);
  const results = await Promise.allSettled(
    groups.map(async (group, rank) => {
      const own = going.other?.rank === rank ? going.other.flags : {};
      const config = resolveConfig({ flags: { ...common, ...flags, ...own } });
      const controller = new AbortController();
      const onEvent = (event: TrainEvent): void => {
        if (rank === 0) events.push(event);
        // WHY rank 0's events end the last rank: the others are told of no steps.
        if (event.kind === 'stepped' && event.metrics.step === going.stopAfter) ending.abort();
      };
      const signal = rank === ranks - 1 ? ending.signal : controller.signal;
      return runTraining(config, { environment, signal, onEvent, ...(group && { group }) });
    }),
  );
  await Promise.all(groups.map(async (group) => group?.close()));
  for (const each of results)
    if (each.status === 'rejected') throw new AggregateError(results.map(reasonOf), String(each.reason));
  const [first] = results;
  if (first?.status !== 'fulfilled') throw new Error('no result');
  const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return {
    output,
    result: first.value,
    lines: lines.map((line) => JSON.parse(line) as StepMetrics),
    events,
    weights: await readFile(join(output, 'adapter_model.safetensors')),
  };
}

let ending = new AbortController();
beforeEach(() => {
  ending = new AbortController();
});

function reasonOf(result: PromiseSettledResult<unknown>): string {
  return result.status === 'rejected' ? String(result.reason) : 'fulfilled';
}

async function largestDifference(a: Trained, b: Trained): Promise<number> {
  const [left, right] = await Promise.all(
    [a, b].map(({ output }) => loadSafetensors(join(output, 'adapter_model.safetensors'))),
  );
  let largest = 0;
  for (const [name, tensor] of left?.tensors ?? []) {
    const other = right?.tensors.get(name);
    const values = other === undefined ? new Float32Array() : toFloat32(other);
    toFloat32(tensor).forEach((value, i) => (largest = Math.max(largest, Math.abs(value - (values[i] ?? NaN)))));
  }
  return largest;
}

/** Checks that the steps are those of one process with the batch of all. */
async function expectSame(many: Trained, one: Trained): Promise<void> {
  expect(many.lines.length).toBe(one.lines.length);
  for (const [i, line] of many.lines.entries()) {
    const other = one.lines[i];
    expect(Math.abs(line.loss - (other?.loss ?? NaN))).toBeLessThan(1e-6 * Math.max(1, line.loss));
    expect(line).toMatchObject({
      step: other?.step,
      targetTokens: other?.targetTokens,
      learningRate: other?.learningRate,
    });
  }
  expect(await largestDifference(many, one)).toBeLessThan(1e-6);
}

describe('ranks', () => {
  it.each([
    [2, { batchSize: 2 }, { batchSize: 4 }],
    [
      4,
      { batchSize: 2, groupByLength: true, warmupSteps: 2, dropout: 0.3 },
      { batchSize: 8, groupByLength: true, warmupSteps: 2, dropout: 0.3 },
    ],
  ])('%i take the very steps of one process with the batch of all', async (ranks, flags, alone) => {
    const many = await train(ranks, flags);
    await expectSame(many, await train(1, alone));
    expect(many.lines).toHaveLength(6);
  });

  it('end in the same bytes again', async () => {
    const flags = { batchSize: 1, accumulate: 2, dropout: 0.2 };
    const many = await train(3, flags);
    await expectSame(many, await train(1, { batchSize: 3, accumulate: 2, dropout: 0.2 }));
    expect((await train(3, flags)).weights.equals(many.weights)).toBe(true);
  });

  it('measure held-out rows together', async () => {
    const held = { evalData: join(folder, 'rows.jsonl'), evalSteps: 2, earlyStopping: 2, result: 'best', batchSize: 2 };
    const many = await train(2, { ...held });
    const one = await train(1, { ...held, batchSize: 4 });
    await expectSame(many, one);
    expect(many.result.evalLossBefore).toBeCloseTo(one.result.evalLossBefore ?? NaN, 6);
    many.lines.forEach(({ evalLoss = 0 }, i) => expect(evalLoss).toBeCloseTo(one.lines[i]?.evalLoss ?? 0, 6));
    expect(many.result.best?.step).toBe(one.result.best?.step);
  });

  it('count the rows of a classifier that they get right', async () => {
    const flags = { evalData: join(folder, 'rows.jsonl') };
    const many = await train(3, { ...flags, batchSize: 2 }, { base: 'bert' });
    const one = await train(1, { ...flags, batchSize: 6 }, { base: 'bert' });
    await expectSame(many, one);
    expect(many.lines.map(({ accuracy }) => accuracy)).toEqual(one.lines.map(({ accuracy }) => accuracy));
    expect(many.result.evalAccuracyAfter).toBe(one.result.evalAccuracyAfter);
  });

  it('are told apart by what they train, before the first step', async () => {
    const other = { rank: 1, flags: { learningRate: 2e-2, seed: 4 } };
    await expect(train(2, {}, { other })).rejects.toThrow(
      'initial weights: the content on rank 1 is another than on rank 0; the setting learningRate: 0.01 on rank 0 and 0.02 on rank 1; the setting seed: 3 on rank 0 and 4 on rank 1.',
    );
  });

  it('all end after the step in which one is asked to, and go on as if nothing had been', async () => {
    const flags = { batchSize: 2, saveSteps: 100 };
    const whole = await train(2, flags);
    const part = await train(2, flags, { name: 'part', stopAfter: 2 });
    expect(part.result).toMatchObject({ interrupted: true });
    expect(part.lines.length).toBeLessThan(6);
    ending = new AbortController();
    for (const ranks of [1, 3]) {
      const name = `part-${ranks}`;
      await cp(join(folder, 'part'), join(folder, name), { recursive: true });
      await cp(join(folder, 'part.checkpoints'), join(folder, `${name}.checkpoints`), { recursive: true });
      const resumed = await train(ranks, { ...flags, resume: true }, { name });
      await expectSame(resumed, whole);
      const message = expect.stringContaining('those of the 2 with which it began') as string;
      expect(resumed.events).toContainEqual(expect.objectContaining({ kind: 'warned', message }));
    }
    const resumed = await train(2, { ...flags, resume: true }, { name: 'part' });
    expect(resumed.weights.equals(whole.weights)).toBe(true);
  });

  it('skip a step together of which one has numbers that are not finite', async () => {
    const third = (values: Floats): void => void values.fill(NaN, 0, 1);
    const meddle = changingGradients({ rank: 2, step: 3, before: third });
    const { lines, result } = await train(3, { batchSize: 1, maxSkippedSteps: 1 }, { meddle });
    expect(lines.map(({ skipped }) => skipped !== undefined)).toEqual([false, false, true, false, false, false]);
    expect(result.interrupted).toBe(false);
    const again = changingGradients({ rank: 1, step: 3, before: third });
    await expect(train(2, { batchSize: 1, maxSkippedSteps: 0 }, { meddle: again })).rejects.toMatchObject({
      errors: Array<unknown>(2).fill(expect.stringContaining('The training has diverged: at step 3')),
    });
  });

  it('are planned as one process with the batch of all, but for the size of what each computes', async () => {
    await writeFile(join(folder, 'rows.jsonl'), `${rowTexts.join('\n')}\n`);
    const { base } = await loadGolden('llama');
    const flags = { base, data: join(folder, 'rows.jsonl'), output: join(folder, 'planned'), epochs: 3 };
    const many = await planTraining(resolveConfig({ flags: { ...flags, batchSize: 2 } }), { ranks: 2 });
    const one = await planTraining(resolveConfig({ flags: { ...flags, batchSize: 4 } }));
    expect([many.plan.steps, many.tokens]).toEqual([one.plan.steps, one.tokens]);
    expect(many.largestBatch).toBeLessThan(one.largestBatch);
    expect(many.memory.activations).toBeLessThan(one.memory.activations);
  });

  it('notice a rank that goes on with its own gradients', async () => {
    const meddle = changingGradients({ rank: 1, step: 2, after: (values, own) => values.set(own) });
    await expect(train(2, { batchSize: 2 }, { meddle })).rejects.toThrow(
      'after step 6, the weights of rank 1 are no longer those of rank 0',
    );
  });
});

interface Meddling {
  readonly rank: number;
  readonly step: number;
  readonly before?: (own: Floats) => void;
  readonly after?: (values: Floats, own: Floats) => void;
}

/** Changes the gradients of one rank in one step, before or after they are summed over all. */
function changingGradients({ rank, step, before, after }: Meddling): (group: ProcessGroup) => void {
  return (group) => {
    if (group.rank !== rank) return;
    const allReduce = group.allReduce.bind(group);
    let steps = 0;
    group.allReduce = async (values: Floats, op?: ReduceOp): Promise<void> => {
      // Only gradients are numbers of 32 bits.
      const isMeant = values instanceof Float32Array && (steps += 1) === step;
      if (isMeant) before?.(values);
      const own = values.slice();
      await allReduce(values, op);
      if (isMeant) after?.(values, own);
    };
  };
}
