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
  /** Default: the rows of the base's kind. */
  readonly texts?: readonly string[];
  /** Changes what a rank computes with the others. */
  readonly meddle?: (group: ProcessGroup) => void;
}

/** Trains with so many ranks in this process. */
async function train(ranks: number, flags: Flags, going: Going = {}): Promise<Trained> {
  const golden = await loadGolden(going.base ?? 'llama');
  const data = join(folder, 'rows.jsonl');
  await writeFile(data, `${(going.texts ?? (going.base === 'bert' ? labelled : rowTexts)).join('\n')}\n`);
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

describe('ranks that take steps by themselves', () => {
  const apart = { freezeA: true, batchSize: 2, maxGradNorm: 0, shuffle: false };

  it.each([2, 3])('of which %i take one each end where all take each step together', async (ranks) => {
    const many = await train(ranks, { ...apart, localSteps: 1 });
    await expectSame(many, await train(1, { ...apart, batchSize: 2 * ranks }));
    expect(many.lines).toHaveLength(6);
  });

  it('take the mean of what each has learned alone, weighted by targets', async () => {
    const [ranks, optimizer] = [3, 'adamw'];
    const flags = { ...apart, optimizer, localSteps: 2, maxSteps: 1, batchSize: 1, dropout: 0 };
    const many = await train(ranks, flags);
    const rows = Array.from({ length: ranks }, (_, rank) => [rowTexts[rank] ?? '', rowTexts[ranks + rank] ?? '']);
    const alone: Trained[] = [];
    for (const texts of rows) alone.push(await train(1, { ...apart, optimizer, batchSize: 1, maxSteps: 2 }, { texts }));
    const targets = alone.map(({ lines }) => lines.reduce((sum, line) => sum + line.targetTokens, 0));
    const all = targets.reduce((sum, each) => sum + each, 0);
    expect(many.lines.map((line) => line.targetTokens)).toEqual([all]);
    const adapters = await Promise.all([many, ...alone].map(weightsOf));
    const [together = new Map<string, Float32Array>(), ...each] = adapters;
    let moved = 0;
    for (const [name, values] of together) {
      const mean = values.map((_, i) =>
        each.reduce((sum, own, rank) => sum + ((targets[rank] ?? 0) / all) * (own.get(name)?.[i] ?? NaN), 0),
      );
      values.forEach((value, i) => expect(Math.abs(value - (mean[i] ?? NaN))).toBeLessThan(1e-7));
      if (name.includes('lora_B')) moved = Math.max(moved, ...values.map(Math.abs));
    }
    // What is frozen has not even been rounded.
    const frozen = (weights = new Map<string, Float32Array>()) =>
      [...weights].filter(([name]) => name.includes('lora_A'));
    expect(frozen(together)).toEqual(frozen(each[0]));
    expect(moved).toBeGreaterThan(1e-3);
  });

  it('end in the same bytes again, and after an interruption', async () => {
    const flags = {
      ...apart,
      optimizer: 'adamw',
      optimizerDtype: 'float64',
      localSteps: 3,
      saveSteps: 100,
      batchSize: 1,
    };
    const whole = await train(2, flags);
    expect(whole.lines.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await train(2, flags, { name: 'part', stopAfter: 2 })).result.interrupted).toBe(true);
    ending = new AbortController();
    await expect(train(3, { ...flags, resume: true }, { name: 'part' })).rejects.toThrow('the training began with 2');
    expect((await train(2, { ...flags, resume: true }, { name: 'part' })).weights.equals(whole.weights)).toBe(true);
  });

  it('skip together a step in which one had numbers that are not finite', async () => {
    const meddle = (group: ProcessGroup): void => {
      const allReduce = group.allReduce.bind(group);
      let steps = 0;
      group.allReduce = async (values, op) => {
        // The counts of a step: of nine numbers, the last is of steps that were skipped.
        if (group.rank === 1 && values.length === 9 && (steps += 1) === 3) values[8] = 1;
        await allReduce(values, op);
      };
    };
    const { lines } = await train(2, { ...apart, localSteps: 2, maxSkippedSteps: 1, batchSize: 1 }, { meddle });
    expect(lines.map(({ skipped }) => skipped)).toEqual([
      undefined,
      undefined,
      'numbers of another process',
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each([
    [2, { freezeA: false }, 'the mean of the products BA is the product of the means only where A is the same'],
    [2, { useDora: true }, 'an update of DoRA is not linear'],
    [1, {}, 'there is nothing to merge'],
  ])('are refused for %i with %j', async (ranks, flags, reason) => {
    await expect(train(ranks, { ...apart, localSteps: 2, ...flags })).rejects.toThrow(reason);
  });

  it('have nothing to do with a matrix A that is frozen for one process too', async () => {
    const frozen = await weightsOf(await train(1, apart));
    const usual = await weightsOf(await train(1, { ...apart, freezeA: false }));
    const slow = await weightsOf(await train(1, { ...apart, learningRate: 1e-12 }));
    for (const [name, values] of frozen) {
      if (!name.includes('lora_A')) continue;
      expect(values).toEqual(slow.get(name));
      expect(values).not.toEqual(usual.get(name));
    }
  });
});

async function weightsOf({ output }: Trained): Promise<Map<string, Float32Array>> {
  const { tensors } = await loadSafetensors(join(output, 'adapter_model.safetensors'));
  return new Map([...tensors].map(([name, tensor]) => [name, toFloat32(tensor) as Float32Array]));
}

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
