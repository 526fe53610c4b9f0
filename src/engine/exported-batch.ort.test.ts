import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { breathe } from '../core/index.ts';
import type { BaseModel } from '../models/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import { openServedEngine, type ServedEngine } from './testing/served-engine.ts';
import type { GeneratedToken } from './sequence/generation-request.ts';
import { answersTogether, arrival, largestDifference, loadAdapters, names, requestOf } from './testing/arrivals.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collect, collectIds } from './testing/collect.ts';
import { openTestBase } from './testing/golden-case.ts';
import { createRandomAdapter } from './testing/random-adapter.ts';

const tolerance = 1e-4;
const sizes = { maxSlots: 4, prefillChunk: 7, adapterRows: 64 };

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

/** The same file, as if it could not take a past in. */
function withoutPast({ graphs: { scoring }, ...base }: BaseModel): BaseModel {
  return { ...base, graphs: { ...(scoring && { scoring }) } };
}

const idsOf = (answers: readonly GeneratedToken[][]): number[][] =>
  answers.map((answer) => answer.map(({ token }) => token));

describe.each([
  { name: 'llama-d16', graph: 'optimum' },
  { name: 'llama-d16', graph: 'torch-past' },
  { name: 'llama-d16', graph: 'merged' },
])('a batch continued by the keys and values of $name/$graph', ({ name, graph }) => {
  let base: BaseModel;
  let engine: ServedEngine;
  let anew: ServedEngine;

  beforeAll(async () => {
    base = await openTestBase(name, graph);
    engine = await openServedEngine({ base, environment, ...sizes });
    anew = await openServedEngine({ base: withoutPast(base), environment, ...sizes });
    for (const each of [engine, anew]) await loadAdapters(each, base.modules);
  });
  afterAll(async () => {
    await engine.dispose();
    await anew.dispose();
  });

  it('equals each of its rows run anew for every token, whatever their lengths, adapters and arrivals', async () => {
    const rows = fc.array(arrival, { minLength: 2, maxLength: 8, size: 'max' });
    await fc.assert(
      fc.asyncProperty(rows, async (batch) => {
        const expected = await answersTogether(anew, batch);
        const together = await answersTogether(engine, batch);
        expect(idsOf(together)).toEqual(idsOf(expected));
        const differences = together.map((answer, place) => largestDifference(answer, expected[place] ?? []));
        expect(Math.max(...differences)).toBeLessThan(tolerance);
      }),
      { numRuns: 6, seed: 7, endOnFailure: true },
    );
    const steps = Object.entries(engine.stats().batchSizes).filter(([size]) => Number(size) >= 3);
    expect(steps.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(20);
  });

  it('goes on while a row is aborted and an adapter is replaced: rows under way keep their version', async () => {
    const row = { adapters: [{ name: names[2] ?? '', scale: 1 }], promptSeed: 2, maxTokens: 20, turns: 0 };
    const expected = await answersTogether(
      anew,
      [11, 3].map((promptLength) => ({ ...row, promptLength })),
    );
    const controller = new AbortController();
    const streams = [11, 3].map((promptLength) => engine.generate(requestOf({ ...row, promptLength })));
    const aborted = engine.generate({ ...requestOf({ ...row, promptLength: 6 }), signal: controller.signal });
    await aborted.next();
    controller.abort(new Error('enough'));
    const linears = base.modules.filter(({ path }) => path.endsWith('v_proj'));
    const replaced = createRandomAdapter({ linears, rank: 4, seed: 99 });
    const [answers] = await Promise.all([
      Promise.all(streams.map(collect)),
      expect(collect(aborted)).rejects.toThrow('enough'),
      engine.adapters.replace(names[2] ?? '', replaced),
    ]);
    expect(idsOf(answers)).toEqual(idsOf(expected));
    await breathe();
    await anew.adapters.replace(names[2] ?? '', replaced);
    const request = requestOf({ ...row, promptLength: 11 });
    const after = await collectIds(engine.generate(request));
    expect(after).toEqual(await collectIds(anew.generate(request)));
    expect(after).not.toEqual(idsOf(expected)[0]);
  });
});
