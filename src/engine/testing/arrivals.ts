import * as fc from 'fast-check';
import { expect } from 'vitest';

import { breathe, createRandom } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { NamingRequest, ServedEngine } from './served-engine.ts';
import type { GeneratedToken } from '../sequence/generation-request.ts';
import type { GenerationStream } from '../sequence/generation-stream.ts';
import { createRandomAdapter } from './random-adapter.ts';

export const vocabulary = 128;

/** One row of a batch, and how long after the row before it it comes. */
export interface Arrival {
  readonly adapters: readonly { readonly name: string; readonly scale: number }[];
  readonly promptLength: number;
  readonly promptSeed: number;
  readonly maxTokens: number;
  readonly turns: number;
  /** Default: foreground. */
  readonly class?: 'foreground' | 'background';
  /** Number of tokens after which its reader leaves; undefined if it stays. */
  readonly leavesAfter?: number | undefined;
}

const ranks = [1, 2, 3, 5, 8, 13, 16];
export const names = ranks.map((rank) => `rank-${rank}`);

const fields = {
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
};

export const arrival: fc.Arbitrary<Arrival> = fc.record(fields);

/** Some of these lose their slots to others, and some have readers who leave. */
export const unruly: fc.Arbitrary<Arrival> = fc.record({
  ...fields,
  class: fc.constantFrom('foreground', 'foreground', 'background'),
  leavesAfter: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 4 }),
});

const long = { adapters: [], promptLength: 5, promptSeed: 1, maxTokens: 20, turns: 0 } as const;

/**
 * Rows by which an engine with three slots preempts and cancels, however fast it is: the background holds all slots when the others come,
 * and one of these leaves early.
 */
export const pressing: readonly Arrival[] = [
  ...names.slice(0, 3).map((name): Arrival => ({ ...long, adapters: [{ name, scale: 1 }], class: 'background' })),
  { ...long, maxTokens: 4, promptSeed: 2 },
  { ...long, maxTokens: 4, promptLength: 9 },
  { ...long, leavesAfter: 1, promptLength: 12 },
];

/** Prompts of one seed begin with the same tokens. */
export function requestOf({
  adapters,
  promptLength,
  promptSeed,
  maxTokens,
  class: ofClass = 'foreground',
}: Arrival): NamingRequest {
  const random = createRandom(promptSeed, 'prompt');
  const tokens = Array.from({ length: promptLength }, () => random.integer(vocabulary));
  return { tokens, adapters, maxTokens, stopTokenIds: [], class: ofClass, logprobs: { top: vocabulary } };
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

/** Those of the background come first, and the others when one of them has begun, so that they take their slots. */
export async function answersTogether(engine: ServedEngine, rows: readonly Arrival[]): Promise<GeneratedToken[][]> {
  const answers: Promise<GeneratedToken[]>[] = rows.map(() => Promise.resolve([]));
  let onBegin = (): void => undefined;
  const hasBegun = new Promise<void>((resolve) => (onBegin = resolve));
  const begin = async ({ turns, leavesAfter, ...row }: Arrival, place: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await breathe();
    const answer = collectUpTo(engine.generate(requestOf({ turns, ...row })), leavesAfter, onBegin);
    answers[place] = answer;
  };
  const isEarly = ({ class: ofClass }: Arrival): boolean => ofClass === 'background';
  for (const [place, row] of rows.entries()) if (isEarly(row)) await begin(row, place);
  if (rows.some(isEarly)) await hasBegun;
  for (const [place, row] of rows.entries()) if (!isEarly(row)) await begin(row, place);
  return Promise.all(answers);
}

async function collectUpTo(
  stream: GenerationStream,
  count = Infinity,
  onToken = (): void => undefined,
): Promise<GeneratedToken[]> {
  const answer: GeneratedToken[] = [];
  for await (const token of stream) {
    onToken();
    if (answer.push(token) >= count) break;
  }
  return answer;
}

/** How many rows there were of each kind that a batch may have, so that a property can say that it saw them. */
export function kindsOf(rows: readonly Arrival[]): Readonly<Record<string, number>> {
  const count = (is: (row: Arrival) => boolean): number => rows.filter(is).length;
  const byRank = names.map((wanted) => [wanted, count(({ adapters }) => adapters.some(({ name }) => name === wanted))]);
  return {
    ...Object.fromEntries(byRank),
    base: count(({ adapters }) => adapters.length === 0),
    mixture: count(({ adapters }) => adapters.length > 1),
    subtracted: count(({ adapters }) => adapters.some(({ scale }) => scale < 0)),
    late: count(({ turns }) => turns > 0),
    background: count((row) => row.class === 'background'),
    leaving: count(({ leavesAfter, maxTokens }) => leavesAfter !== undefined && leavesAfter < maxTokens),
    inChunks: count(({ promptLength }) => promptLength > 16),
  };
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
