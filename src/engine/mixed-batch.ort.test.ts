import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import { openServedEngine, type ServedEngine } from './testing/served-engine.ts';
import type { GeneratedToken } from './sequence/generation-request.ts';
import {
  answersTogether,
  kindsOf,
  largestDifference,
  loadAdapters,
  names,
  pressing,
  requestOf,
  unruly,
  type Arrival,
} from './testing/arrivals.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collect } from './testing/collect.ts';
import { openTestBase } from './testing/golden-case.ts';

/** Whole rows of log-probabilities are compared: logits, less what all of a row have in common. */
const tolerance = 1e-4;

let environment: Environment;
let engine: ServedEngine;
/** It keeps no prompts, so that what it answers comes from the prompt alone. */
let lonely: ServedEngine;
const answersAlone = new Map<string, GeneratedToken[]>();

beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  const base = await openTestBase('llama-d16');
  const sizes = { base, environment, maxSlots: 3, prefillChunk: 16, adapterRows: 64 };
  engine = await openServedEngine({ ...sizes, prefixCache: 2 ** 20 });
  lonely = await openServedEngine({ ...sizes, prefixCache: 0 });
  for (const each of [engine, lonely]) await loadAdapters(each, base.modules);
});

afterAll(async () => {
  await engine.dispose();
  await lonely.dispose();
  environment.dispose();
  assertNothingAlive();
});

async function answerAlone(row: Arrival): Promise<GeneratedToken[]> {
  const key = JSON.stringify({ ...row, turns: 0, class: undefined, leavesAfter: undefined });
  const answer = answersAlone.get(key) ?? (await collect(lonely.generate(requestOf(row))));
  answersAlone.set(key, answer);
  return answer;
}

describe('a batch of rows of different adapters, ranks, lengths, arrivals and classes, some of which leave', () => {
  it('equals each of its rows run alone', async () => {
    const rows = fc.array(unruly, { minLength: 8, maxLength: 14, size: 'max' });
    const seen: Arrival[] = [];
    await fc.assert(
      fc.asyncProperty(rows, async (batch) => {
        seen.push(...batch);
        const alone: GeneratedToken[][] = [];
        for (const row of batch) alone.push((await answerAlone(row)).slice(0, row.leavesAfter));
        const together = await answersTogether(engine, batch);
        const ids = (answers: GeneratedToken[][]): number[][] =>
          answers.map((answer) => answer.map(({ token }) => token));
        expect(ids(together)).toEqual(ids(alone));
        const differences = together.map((answer, place) => largestDifference(answer, alone[place] ?? []));
        expect(Math.max(...differences)).toBeLessThan(tolerance);
      }),
      { examples: [[[...pressing]]], numRuns: 7, seed: 20, endOnFailure: true },
    );
    expect(Object.entries(kindsOf(seen)).filter(([, count]) => count === 0)).toEqual([]);
    // The property says nothing unless rows really shared batches.
    const { batchSizes, requests, prefixes } = engine.stats();
    const steps = Object.entries(batchSizes).filter(([size]) => Number(size) >= 3);
    expect(steps.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(5);
    expect(Math.min(requests.preempted, requests.cancelled, prefixes?.hitTokens ?? 0)).toBeGreaterThan(0);
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
