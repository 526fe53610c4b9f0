import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { groupHere } from '../../collectives/testing/group-here.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { Trainer, type ReduceStep } from '../loop/trainer.ts';
import { readTrainingInputs } from '../loop/training-inputs.ts';
import { createOptimizer } from '../optimizer/create-optimizer.ts';
import { loadGolden } from '../testing/golden.ts';
import { bucketsOf, rangesOf } from './gradient-buckets.ts';
import { createLossGraph, graphSettingsOf } from './loss-graph.ts';
import { LossSession } from './loss-session.ts';
import { ParameterArena } from './parameter-arena.ts';
import type { PassRunner } from './passes.ts';
import { marksAreOrdered } from './written-marks.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-marks-'));
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const bucketBytes = 256;

interface Opened extends Disposable {
  readonly session: LossSession;
  readonly parameters: ParameterArena;
  readonly gradients: ParameterArena;
  readonly micro: MicroBatch;
}

/** A pass that takes long enough for several looks at it. */
async function open(recompute: boolean): Promise<Opened> {
  const golden = await loadGolden('llama');
  const data = join(folder, 'rows.jsonl');
  const row = (each: number) => Array.from({ length: 121 }, (_, i) => 3 + ((7 * each + 5 * i) % 40));
  const rows = Array.from({ length: 48 }, (_, each) => JSON.stringify({ input_ids: row(each) }));
  await writeFile(data, `${rows.join('\n')}\n`);
  const config = resolveConfig({ flags: { base: golden.base, data, output: '-', rank: 4, recompute } });
  await using inputs = await readTrainingInputs(config, {});
  const { base, trainable, objective, maxLength } = inputs;
  const settings = { ...graphSettingsOf(config), trainable, objective, maxLength, gradients: true };
  const graph = await createLossGraph(base, { ...settings, marks: { bucketBytes } });
  const [parameters, gradients] = [new ParameterArena(graph.parameters), new ParameterArena(graph.parameters)];
  await trainable.initialize(parameters);
  parameters.flat.forEach((value, i, all) => (all[i] = value + 0.01 * Math.sin(i)));
  const session = await LossSession.open(graph, { environment, parameters, gradients });
  let micro: MicroBatch | undefined;
  for await (const batch of inputs.data.batches(48)) micro ??= batch;
  if (micro === undefined) throw new Error('there is a batch');
  const dispose = (): void => [session, parameters, gradients].forEach((each) => each.dispose());
  return { session, parameters, gradients, micro, [Symbol.dispose]: dispose };
}

describe.each([false, true])('marks of a pass, with recompute %s', (recompute) => {
  it.runIf(marksAreOrdered)(
    'tell before its end of gradients that are whole, and that it does not touch again',
    async () => {
      using opened = await open(recompute);
      const { session, gradients, micro } = opened;
      const { entries, flat } = gradients;
      await session.run(micro);
      const expected = flat.slice();
      const ranges = rangesOf(entries, { length: flat.length, buckets: bucketsOf(entries, bucketBytes) });
      expect(ranges.length).toBeGreaterThan(8);
      let told = 0;
      for (let pass = 0; pass < 5; pass++) {
        for (const { start, end } of entries) flat.fill(NaN, start, end);
        let known = 0;
        await session.run(micro, undefined, (count) => {
          for (const { start, end } of ranges.slice(known, count)) {
            expect(flat.slice(start, end)).toEqual(expected.subarray(start, end));
            flat.fill(7, start, end);
          }
          known = count;
        });
        const changed = ranges[known]?.end ?? 0;
        expect(flat.slice(0, changed)).toEqual(expected.subarray(0, changed));
        expect(flat.subarray(changed).every((value) => value === 7)).toBe(true);
        told += known;
      }
      expect(told).toBeGreaterThan(0);
    },
  );
});

describe('two processes', () => {
  /** One step of each. @returns the weights after it, and what rank 0 did in which order */
  async function step(overlap: boolean, microBatches: number): Promise<{ weights: Float32Array[]; order: string[] }> {
    const order: string[] = [];
    const groups = await groupHere(2);
    const weights = await Promise.all(
      groups.map(async (group, rank) => {
        using opened = await open(false);
        const { session: real, parameters, gradients, micro } = opened;
        const note = (what: string): unknown => rank === 0 && order.push(what);
        const session: Pick<PassRunner, 'run'> = {
          run: async (each, place, onWritten) => {
            const result = await real.run(each, place, overlap ? onWritten : undefined);
            note('end of a pass');
            return result;
          },
        };
        const reduce: ReduceStep = {
          bucketBytes,
          gradients: (values) => {
            note('sum');
            return group.allReduce(values);
          },
          counts: async (own) => ({ ...own, targets: 2 * own.targets }),
        };
        const optimizer = createOptimizer(
          'sgd',
          parameters.flat,
          resolveConfig({ flags: { base: '-', data: '-', output: '-' } }),
        );
        const all = [{ start: 0, end: parameters.flat.length, weightDecay: 0 }];
        using trainer = new Trainer({ session, parameters, gradients, optimizer, groups: all, maxGradNorm: 1, reduce });
        for (let each = 0; each < 3; each++)
          await trainer.step({ microBatches: Array.from({ length: microBatches }, () => micro) }, 1e-2);
        return parameters.flat.slice();
      }),
    );
    await Promise.all(groups.map((group) => group.close()));
    return { weights, order };
  }

  it.runIf(marksAreOrdered).each([1, 2])(
    'begin to sum before the last of %i passes ends, and end in the same bytes',
    async (passes) => {
      const overlapped = await step(true, passes);
      const behind = await step(false, passes);
      expect(overlapped.order.indexOf('sum')).toBeGreaterThanOrEqual(0);
      const steps = overlapped.order.join(', ');
      expect(steps).toMatch(passes === 1 ? /sum, end of a pass/ : /end of a pass, (sum, )+end of a pass/);
      expect(behind.order.indexOf('sum')).toBe(passes);
      expect(overlapped.weights[0]).toEqual(overlapped.weights[1]);
      expect(overlapped.weights).toEqual(behind.weights);
    },
  );
});

describe('a session with marks', () => {
  it('leaves no native handle behind', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
