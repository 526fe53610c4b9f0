import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createRandom } from '../../core/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import type { EngineOptions } from '../engine.ts';
import { KvCache } from '../runner/kv-cache.ts';
import { largestDifference, loadAdapters, vocabulary } from '../testing/arrivals.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';
import { collect } from '../testing/collect.ts';
import { openTestBase } from '../testing/golden-case.ts';
import { createRandomAdapter } from '../testing/random-adapter.ts';
import { openServedEngine, type NamingRequest, type ServedEngine } from '../testing/served-engine.ts';
import { PrefixCache } from './prefix-cache.ts';

/** Log-probabilities may differ by what another order of sums changes. */
const tolerance = 1e-4;

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

async function openWith(options: Partial<EngineOptions>): Promise<ServedEngine> {
  const base = await openTestBase('llama-d16');
  const engine = await openServedEngine({
    base,
    environment,
    maxSlots: 4,
    prefillChunk: 16,
    adapterRows: 64,
    ...options,
  });
  await loadAdapters(engine, base.modules);
  return engine;
}

function promptOf(family: number, length: number, tail: number): number[] {
  const [random, end] = [createRandom(family, 'prompt'), createRandom(tail, 'tail')];
  return Array.from({ length: length + 3 }, (_, i) => (i < length ? random : end).integer(vocabulary));
}

const call = fc.record({
  kind: fc.constant('call' as const),
  adapters: fc.oneof(
    fc.constant([]),
    fc.record({ name: fc.constantFrom('rank-3', 'rank-8'), scale: fc.constantFrom(0.5, 1) }).map((one) => [one]),
  ),
  family: fc.integer({ min: 0, max: 1 }),
  length: fc.integer({ min: 10, max: 70 }),
  tail: fc.integer({ min: 0, max: 1 }),
  maxTokens: fc.integer({ min: 1, max: 5 }),
  waits: fc.boolean(),
});
const replacement = fc.record({
  kind: fc.constant('replace' as const),
  name: fc.constantFrom('rank-3', 'rank-8'),
  seed: fc.integer({ min: 100, max: 102 }),
});
const script = fc.array(fc.oneof({ weight: 5, arbitrary: call }, { weight: 1, arbitrary: replacement }), {
  minLength: 4,
  maxLength: 14,
});

type Script = typeof script extends fc.Arbitrary<infer One> ? One : never;

async function play(engine: ServedEngine, commands: Script): Promise<Awaited<ReturnType<typeof collect>>[]> {
  const answers: ReturnType<typeof collect>[] = [];
  const { modules } = await openTestBase('llama-d16');
  const linears = modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  for (const command of commands) {
    if (command.kind === 'replace') {
      const { name, seed } = command;
      await engine.adapters.replace(name, createRandomAdapter({ linears, rank: 3, seed }));
      continue;
    }
    const { adapters, family, length, tail, maxTokens, waits } = command;
    const tokens = promptOf(family, length, tail);
    const request: NamingRequest = { tokens, adapters, maxTokens, stopTokenIds: [], logprobs: { top: vocabulary } };
    const answer = collect(engine.generate(request));
    answers.push(answer);
    if (waits) await answer;
  }
  return Promise.all(answers);
}

describe('an engine that keeps prompts', () => {
  it('answers as one that keeps none, through any calls, replacements and scales', async () => {
    await using kept = await openWith({ prefixCache: 40 * 16 * 2048 });
    await using none = await openWith({ prefixCache: 0 });
    await fc.assert(
      fc.asyncProperty(script, async (commands) => {
        const [own, others] = [await play(kept, commands), await play(none, commands)];
        const ids = (all: typeof own): number[][] => all.map((answer) => answer.map(({ token }) => token));
        expect(ids(own)).toEqual(ids(others));
        const differences = own.map((answer, i) => largestDifference(answer, others[i] ?? []));
        expect(Math.max(0, ...differences)).toBeLessThan(tolerance);
      }),
      { numRuns: 8, seed: 3, endOnFailure: true },
    );
    expect(kept.stats().prefixes?.hitTokens).toBeGreaterThan(500);
    expect(none.stats().prefixes).toBeUndefined();
  });

  it('runs only what a prompt does not share, and tells how much that was', async () => {
    await using engine = await openWith({ prefixCache: 2 ** 24 });
    const tokens = promptOf(1, 61, 0);
    const ask = async (prompt: number[], options: Partial<NamingRequest> = {}): Promise<number> => {
      const before = engine.stats().tokens.prompt;
      const stream = engine.generate({ tokens: prompt, maxTokens: 3, stopTokenIds: [], ...options });
      await collect(stream);
      expect(engine.stats().tokens.prompt - before + stream.cachedTokens).toBe(prompt.length);
      return stream.cachedTokens;
    };
    expect(await ask(tokens)).toBe(0);
    expect(await ask(tokens)).toBe(48);
    expect(await ask(promptOf(1, 40, 0))).toBe(32);
    expect(await ask(tokens, { adapters: [{ name: 'rank-3' }] })).toBe(0);
    expect(await ask(tokens, { adapters: [{ name: 'rank-3', scale: 0.5 }] })).toBe(0);
    expect(await ask(tokens, { cacheScope: 'another' })).toBe(0);
    expect(await ask(tokens, { logprobs: { prompt: true } })).toBe(0);
    expect(await ask(tokens, { adapters: [{ name: 'rank-3' }] })).toBe(48);
  });

  it('keeps answers too, for the next turn of a conversation', async () => {
    await using engine = await openWith({});
    const tokens = promptOf(1, 20, 0);
    const answer = await collect(engine.generate({ tokens, maxTokens: 30, stopTokenIds: [] }));
    const next = engine.generate({ tokens: [...tokens, ...answer.map(({ token }) => token), 5], maxTokens: 1 });
    await collect(next);
    expect(next.cachedTokens).toBe(48);
  });
});

describe('PrefixCache', () => {
  it('serves no block whose contents have changed', async () => {
    const kv = new KvCache({ layers: 1, slots: 2, kvHeads: 1, maxLength: 16, headDim: 4 });
    const { positions } = kv;
    if (positions === undefined) throw new TypeError('keys and values alone can be copied by position');
    const cache = new PrefixCache(positions, { bytes: 8 * 4 * 32, blockTokens: 4 });
    const row = { root: '', tokenAt: (place: number) => place, count: 3 };
    const memory = kv.layers[0]?.key.float32(0, 64) ?? new Float32Array();
    memory.forEach((_, i) => (memory[i] = i));
    await cache.store(row, 0);
    const found = await cache.find(row);
    expect(found.length).toBe(12);
    await cache.load(found, 1);
    expect([...(kv.layers[0]?.key.float32(64 * 4, 48) ?? [])]).toEqual([...memory.subarray(0, 48)]);
    // The second block is overwritten behind the cache's back.
    const [, second] = found.blocks;
    if (second) cache.bytesOf(second).fill(1, 7, 8);
    expect((await cache.find(row)).length).toBe(4);
    expect(cache.stats()).toMatchObject({ damaged: 1, blocks: 2 });
    await cache.store(row, 0);
    expect((await cache.find(row)).length).toBe(12);
    cache.dispose();
    kv.dispose();
  });
});
