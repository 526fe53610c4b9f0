import * as fc from 'fast-check';
import { expect } from 'vitest';

import { breathe, createRandom } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { NamingRequest, ServedEngine } from './served-engine.ts';
import type { GeneratedToken } from '../sequence/generation-request.ts';
import { collect } from './collect.ts';
import { createRandomAdapter } from './random-adapter.ts';

export const vocabulary = 128;

/** One row of a batch, and how long after the row before it it comes. */
export interface Arrival {
  readonly adapters: readonly { readonly name: string; readonly scale: number }[];
  readonly promptLength: number;
  readonly promptSeed: number;
  readonly maxTokens: number;
  readonly turns: number;
}

const ranks = [1, 2, 3, 5, 8, 13, 16];
export const names = ranks.map((rank) => `rank-${rank}`);

export const arrival: fc.Arbitrary<Arrival> = fc.record({
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

export function requestOf({ adapters, promptLength, promptSeed, maxTokens }: Arrival): NamingRequest {
  const random = createRandom(promptSeed, 'prompt');
  const tokens = Array.from({ length: promptLength }, () => random.integer(vocabulary));
  return { tokens, adapters, maxTokens, stopTokenIds: [], logprobs: { top: vocabulary } };
}

/** The largest difference of two answers in any log-probability of any token. */
export function largestDifference(a: readonly GeneratedToken[], b: readonly GeneratedToken[]): number {
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

export async function answersTogether(engine: ServedEngine, rows: readonly Arrival[]): Promise<GeneratedToken[][]> {
  const answers: Promise<GeneratedToken[]>[] = [];
  for (const row of rows) {
    for (let turn = 0; turn < row.turns; turn++) await breathe();
    answers.push(collect(engine.generate(requestOf(row))));
  }
  return Promise.all(answers);
}

/** Loads the adapters that rows may name. */
export async function loadAdapters(engine: ServedEngine, modules: readonly AdaptableModule[]): Promise<void> {
  const linears = modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  for (const [i, rank] of ranks.entries()) {
    // Every other adapter leaves some modules alone.
    const targets = i % 2 === 0 ? linears : linears.filter((_, place) => place % 3 !== 0);
    await engine.adapters.load(`rank-${rank}`, createRandomAdapter({ linears: targets, rank, seed: rank }));
  }
}
