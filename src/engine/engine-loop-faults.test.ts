import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { EspalierError } from '../core/index.ts';
import { expected, LoopFixture } from './testing/loop-fixture.ts';
import type { Sequence } from './sequence/sequence.ts';

interface Ask {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  /** The reader goes away after so many tokens. */
  readonly reads: number;
  readonly isGrouped: boolean;
  readonly class: 'foreground' | 'background';
}

const ask: fc.Arbitrary<Ask> = fc.record({
  prompt: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 11 }),
  maxTokens: fc.integer({ min: 1, max: 12 }),
  reads: fc.oneof(fc.constant(100), fc.integer({ min: 1, max: 5 })),
  isGrouped: fc.boolean(),
  class: fc.constantFrom('foreground', 'background'),
});

const scenario = fc.record({
  asks: fc.array(ask, { minLength: 1, maxLength: 10 }),
  slots: fc.integer({ min: 1, max: 5 }),
  faults: fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 6 }),
});

interface Answer {
  readonly tokens: readonly number[];
  readonly error: unknown;
}

async function read({ tokens: queue }: Sequence, most: number): Promise<Answer> {
  const tokens: number[] = [];
  try {
    for await (const { token } of queue) {
      tokens.push(token);
      if (tokens.length >= most) break;
    }
    return { tokens, error: undefined };
  } catch (error) {
    return { tokens, error };
  }
}

interface Scenario {
  readonly asks: readonly Ask[];
  readonly slots: number;
  readonly faults: readonly number[];
}

interface Kinds {
  readonly failing: readonly ('prefill' | 'decode' | 'move')[];
  /** Moves that fail tell nobody: what an engine would do that noted a move before it is made. */
  readonly isSilent?: boolean;
}

/** Runs the requests, and has the calls of some kinds fail whose numbers are named. */
async function answersOf({ asks, slots, faults }: Scenario, { failing, isSilent = false }: Kinds): Promise<Answer[]> {
  const fixture = new LoopFixture({ slots });
  let calls = 0;
  fixture.runner.onCall = (kind) => {
    if (!failing.includes(kind) || !faults.includes(calls++)) return 'works';
    return isSilent && kind === 'move' ? 'does nothing' : 'fails';
  };
  const groups = new Map<string, { readonly tokens: readonly number[]; readonly promptGroup: object }>();
  const sequences = asks.map(({ prompt, maxTokens, isGrouped, class: ofClass }) => {
    const own = { tokens: prompt, promptGroup: {} };
    const group = isGrouped ? (groups.get(prompt.join()) ?? own) : own;
    groups.set(prompt.join(), group);
    return fixture.add({ ...group, maxTokens, class: ofClass });
  });
  const answers = await Promise.all(sequences.map((sequence, i) => read(sequence, asks[i]?.reads ?? 0)));
  await fixture.loop.settled();
  await fixture.loop.stop();
  return answers;
}

/** Answers that are not what each request gives alone. */
function wrong(asks: readonly Ask[], answers: readonly Answer[]): string[] {
  return answers.flatMap(({ tokens, error }, i) => {
    const { prompt = [], maxTokens = 0, reads = 0 } = asks[i] ?? {};
    const alone = expected(prompt, Math.min(maxTokens, reads));
    const told = error === undefined ? alone : alone.slice(0, tokens.length);
    return tokens.join('') === told.join('') ? [] : [`${tokens.join('')} instead of ${told.join('')}`];
  });
}

const count = (answers: readonly Answer[]): number => answers.filter(({ error }) => error !== undefined).length;

describe('EngineLoop, where calls of the runner fail', () => {
  it('gives every request the tokens that it has alone, as far as it gets', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (one) => {
        const answers = await answersOf(one, { failing: ['prefill', 'decode', 'move'] });
        expect(wrong(one.asks, answers)).toEqual([]);
        const codes = answers.flatMap(({ error }) => (EspalierError.isInstance(error) ? [error.code] : []));
        expect(codes).toEqual(Array.from({ length: count(answers) }, () => 'GENERATION_FAILED'));
        // A failed decode step fails the rows in it; anything else fails one request at most.
        expect(count(answers)).toBeLessThanOrEqual(one.faults.length * one.slots);
      }),
      { numRuns: 200 },
    );
  });

  it('fails one request alone for each prefill that fails', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (one) => {
        const answers = await answersOf(one, { failing: ['prefill'] });
        expect(wrong(one.asks, answers)).toEqual([]);
        expect(count(answers)).toBeLessThanOrEqual(one.faults.length);
      }),
    );
  });

  it('fails nobody where a slot cannot be filled: what should have moved is computed anew', async () => {
    const short = scenario.map((one) => {
      return { ...one, asks: one.asks.map((each) => ({ ...each, maxTokens: 3, prompt: each.prompt.slice(0, 1) })) };
    });
    await fc.assert(
      fc.asyncProperty(short, async (one) => {
        const answers = await answersOf(one, { failing: ['move'] });
        expect(wrong(one.asks, answers)).toEqual([]);
        expect(count(answers)).toBe(0);
      }),
    );
  });

  it('keeps the others right in the case that once went wrong', async () => {
    const asks = [
      { prompt: [1], maxTokens: 2, reads: 100, isGrouped: false, class: 'foreground' as const },
      { prompt: [2], maxTokens: 9, reads: 100, isGrouped: false, class: 'foreground' as const },
    ];
    const answers = await answersOf({ asks, slots: 2, faults: [0] }, { failing: ['move'] });
    expect(answers.map(({ tokens }) => tokens)).toEqual([expected([1], 2), expected([2], 9)]);
  });

  it('would see an engine that notes a move which was not made', async () => {
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(scenario, async (one) => {
        const answers = await answersOf(one, { failing: ['move'], isSilent: true });
        seen += wrong(one.asks, answers).length;
      }),
      { numRuns: 50, seed: 1 },
    );
    expect(seen).toBeGreaterThan(0);
  });
});
