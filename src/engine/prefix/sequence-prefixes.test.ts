import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { SequenceAdapters } from '../adapters/sequence-adapters.ts';
import { collect, expected, LoopFixture } from '../testing/loop-fixture.ts';
import { PrefixCache } from './prefix-cache.ts';
import { prefixRoot } from './prefix-root.ts';
import { SequencePrefixes, type RootOf } from './sequence-prefixes.ts';

/** A call: its name points to the version that the last replacement made. */
const call = fc.record({
  kind: fc.constant('call' as const),
  name: fc.constantFrom('none', 'a', 'b'),
  scale: fc.integer({ min: 1, max: 2 }),
  prompt: fc.record({ family: fc.integer({ min: 0, max: 1 }), length: fc.integer({ min: 1, max: 24 }) }),
  tail: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 3 }),
  maxTokens: fc.integer({ min: 1, max: 8 }),
  scope: fc.constantFrom('', 'other'),
  waits: fc.boolean(),
});
const replacement = fc.record({ kind: fc.constant('replace' as const), name: fc.constantFrom('a', 'b') });
const script = fc.array(fc.oneof({ weight: 5, arbitrary: call }, { weight: 1, arbitrary: replacement }), {
  minLength: 2,
  maxLength: 14,
});

type Script = typeof script extends fc.Arbitrary<infer One> ? One : never;

function adaptersOf(name: string, version: number, scale: number): SequenceAdapters {
  const applied = name === 'none' ? [] : [{ rows: { start: version, end: version + 1 }, scale }];
  const named = name === 'none' ? [] : [{ name, version: `version ${version}`, scale }];
  return { named, applied, isActive: true, activate: () => Promise.resolve(), release: () => undefined };
}

interface Outcome {
  readonly answers: readonly (readonly number[])[];
  readonly alone: readonly (readonly number[])[];
  readonly cachedTokens: number;
}

/** Runs a script with a cache of a few blocks, which therefore also gives up blocks. */
async function play(commands: Script, rootOf: RootOf, blocks = 12): Promise<Outcome> {
  const fixture = new LoopFixture({
    slots: 3,
    prefixesOf: (positions) =>
      new SequencePrefixes(new PrefixCache(positions, { bytes: blocks * 4, blockTokens: 4 }), {}, rootOf),
  });
  fixture.runner.poison = -1;
  fixture.runner.shiftOf = ([adapter]) => (adapter ? adapter.rows.start * adapter.scale : 0);
  const versions = new Map([['a', 1]]);
  let made = 1;
  const [answers, alone]: [Promise<number[]>[], number[][]] = [[], []];
  let cachedTokens = 0;
  for (const one of commands) {
    if (one.kind === 'replace') versions.set(one.name, ++made);
    else {
      const { name, scale, prompt, tail, maxTokens, scope, waits } = one;
      const version = versions.get(name) ?? 2 ** 5;
      const tokens = Array.from({ length: prompt.length }, (_, i) => (i * i + prompt.family) % 3).concat(tail);
      const request = { tokens, maxTokens, stopTokenIds: [], cacheScope: scope };
      const sequence = fixture.add(request, adaptersOf(name, version, scale));
      const answer = collect(sequence);
      answers.push(answer);
      alone.push(expected(tokens, maxTokens, name === 'none' ? 0 : version * scale));
      if (waits) await answer;
      cachedTokens += sequence.cachedTokens ?? 0;
    }
  }
  const outcome = { answers: await Promise.all(answers), alone, cachedTokens };
  await fixture.loop.stop();
  fixture.prefixes?.cache.dispose();
  return outcome;
}

function property(rootOf: RootOf): fc.IAsyncProperty<[Script]> {
  return fc.asyncProperty(script, async (commands) => {
    const { answers, alone } = await play(commands, rootOf);
    expect(answers).toEqual(alone);
  });
}

describe('prompts that are kept', () => {
  it('change no answer, whatever comes, is replaced and is scaled meanwhile', async () => {
    const { counterexample } = await fc.check(property(prefixRoot), { numRuns: 60 });
    expect(counterexample).toBeNull();
  });

  it.each<{ what: string; rootOf: RootOf }>([
    {
      what: 'the version',
      rootOf: (options, config) => {
        const adapters = options.adapters.map((adapter) => ({ ...adapter, version: '' }));
        return prefixRoot({ ...options, adapters }, config);
      },
    },
    {
      what: 'the scale',
      rootOf: (options, config) => {
        const adapters = options.adapters.map((adapter) => ({ ...adapter, scale: 1 }));
        return prefixRoot({ ...options, adapters }, config);
      },
    },
  ])('would change answers if their key had not $what', async ({ rootOf }) => {
    const { failed } = await fc.check(property(rootOf), { numRuns: 500 });
    expect(failed).toBe(true);
  });
});
