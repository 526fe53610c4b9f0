import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { breathe, createRandom } from '../core/index.ts';
import { openEnvironment, type Environment } from '../runtime/index.ts';
import { openEngine, type Engine } from './engine.ts';
import type { GeneratedToken, GenerationRequest } from './generation-request.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collect } from './testing/collect.ts';
import { openTestBase } from './testing/golden-case.ts';
import { createRandomAdapter } from './testing/random-adapter.ts';

const vocabulary = 128;
/** Whole rows of log-probabilities are compared: logits, less what all of a row have in common. */
const tolerance = 1e-4;

/** One row of a batch, and how long after the row before it it comes. */
interface Arrival {
  readonly adapters: readonly { readonly name: string; readonly scale: number }[];
  readonly promptLength: number;
  readonly promptSeed: number;
  readonly maxTokens: number;
  readonly turns: number;
}

const ranks = [1, 2, 3, 5, 8, 13, 16];
const names = ranks.map((rank) => `rank-${rank}`);

const arrival: fc.Arbitrary<Arrival> = fc.record({
  adapters: fc.oneof(
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 3, arbitrary: fc.record({ name: fc.constantFrom(...names), scale: fc.constant(1) }).map((one) => [one]) },
    {
      weight: 1,
      arbitrary: fc.array(fc.record({ name: fc.constantFrom(...names), scale: fc.constantFrom(-0.5, 0.25, 1) }), {
        minLength: 2,
        maxLength: 3,
      }),
    },
  ),
  promptLength: fc.integer({ min: 1, max: 30 }),
  promptSeed: fc.integer({ min: 0, max: 3 }),
  maxTokens: fc.integer({ min: 1, max: 20 }),
  turns: fc.integer({ min: 0, max: 3 }),
});

let environment: Environment;
let engine: Engine;
const answersAlone = new Map<string, GeneratedToken[]>();

beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  const base = await openTestBase('llama-d16');
  engine = await openEngine({ base, environment, maxSlots: 5, prefillChunk: 16, adapterRows: 64 });
  const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  for (const [i, rank] of ranks.entries()) {
    // Every other adapter leaves some modules alone.
    const targets = i % 2 === 0 ? linears : linears.filter((_, place) => place % 3 !== 0);
    await engine.adapters.load(`rank-${rank}`, createRandomAdapter({ linears: targets, rank, seed: rank }));
  }
});

afterAll(async () => {
  await engine.dispose();
  environment.dispose();
  assertNothingAlive();
});

function requestOf({ adapters, promptLength, promptSeed, maxTokens }: Arrival): GenerationRequest {
  const random = createRandom(promptSeed, 'prompt');
  const tokens = Array.from({ length: promptLength }, () => random.integer(vocabulary));
  return { tokens, adapters, maxTokens, stopTokenIds: [], logprobs: { top: vocabulary } };
}

async function answerAlone(row: Arrival): Promise<GeneratedToken[]> {
  const key = JSON.stringify({ ...row, turns: 0 });
  const answer = answersAlone.get(key) ?? (await collect(engine.generate(requestOf(row))));
  answersAlone.set(key, answer);
  return answer;
}

/** The largest difference of two answers in any log-probability of any token. */
function largestDifference(a: readonly GeneratedToken[], b: readonly GeneratedToken[]): number {
  let largest = 0;
  for (const [place, { topLogprobs = [] }] of a.entries()) {
    const others = new Map(b[place]?.topLogprobs?.map(({ token, logprob }) => [token, logprob]));
    expect(others.size).toBe(vocabulary);
    for (const { token, logprob } of topLogprobs) {
      largest = Math.max(largest, Math.abs(logprob - (others.get(token) ?? Number.NaN)));
    }
  }
  return largest;
}

async function answersTogether(rows: readonly Arrival[]): Promise<GeneratedToken[][]> {
  const answers: Promise<GeneratedToken[]>[] = [];
  for (const row of rows) {
    for (let turn = 0; turn < row.turns; turn++) await breathe();
    answers.push(collect(engine.generate(requestOf(row))));
  }
  return Promise.all(answers);
}

describe('a batch of rows with different adapters, ranks, lengths and arrivals', () => {
  it('equals each of its rows run alone', async () => {
    const rows = fc.array(arrival, { minLength: 2, maxLength: 14, size: 'max' });
    await fc.assert(
      fc.asyncProperty(rows, async (batch) => {
        const alone: GeneratedToken[][] = [];
        for (const row of batch) alone.push(await answerAlone(row));
        const together = await answersTogether(batch);
        const ids = (answers: GeneratedToken[][]): number[][] =>
          answers.map((answer) => answer.map(({ token }) => token));
        expect(ids(together)).toEqual(ids(alone));
        const differences = together.map((answer, place) => largestDifference(answer, alone[place] ?? []));
        expect(Math.max(...differences)).toBeLessThan(tolerance);
      }),
      { numRuns: 25, seed: 20, endOnFailure: true },
    );
    // The property says nothing unless rows really shared batches.
    const steps = Object.entries(engine.stats().batchSizes).filter(([size]) => Number(size) >= 3);
    expect(steps.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(100);
  });

  it('does not get there by having adapters without effect', async () => {
    const row = { adapters: [], promptLength: 9, promptSeed: 1, maxTokens: 1, turns: 0 };
    const base = await answerAlone(row);
    for (const name of names) {
      const adapted = await answerAlone({ ...row, adapters: [{ name, scale: 1 }] });
      expect(largestDifference(adapted, base)).toBeGreaterThan(100 * tolerance);
    }
  });
});
