import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createRandom } from '../../core/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { openServedEngine, type NamingRequest, type ServedEngine } from '../testing/served-engine.ts';
import type { NamedLogitsFunction } from './caller-processor.ts';
import type { GeneratedToken } from '../sequence/generation-request.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';
import { collect, collectIds } from '../testing/collect.ts';
import { openTestBase } from '../testing/golden-case.ts';
import { createRandomAdapter } from '../testing/random-adapter.ts';

const vocabulary = 128;
let environment: Environment;
let engine: ServedEngine;

beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  const base = await openTestBase('llama-d16');
  engine = await openServedEngine({ base, environment, maxSlots: 5, prefillChunk: 16, adapterRows: 16 });
  const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  for (const rank of [2, 5])
    await engine.adapters.load(`rank-${rank}`, createRandomAdapter({ linears, rank, seed: rank }));
});
afterAll(async () => {
  await engine.dispose();
  environment.dispose();
  assertNothingAlive();
});

const prompt = Array.from({ length: 9 }, (_, place) => (place * 37) % vocabulary);
const plain = { tokens: prompt, maxTokens: 24, stopTokenIds: [] } satisfies NamingRequest;

const ids = (answer: readonly GeneratedToken[]): number[] => answer.map(({ token }) => token);

const settings: fc.Arbitrary<Partial<NamingRequest>> = fc.record(
  {
    adapters: fc.constantFrom([], [{ name: 'rank-2' }], [{ name: 'rank-5', scale: 0.5 }]),
    temperature: fc.constantFrom(0, 0.8, 1.5),
    topK: fc.constantFrom(0, 5),
    topP: fc.constantFrom(0.8, 1),
    minP: fc.constantFrom(0, 0.05),
    typicalP: fc.constantFrom(1, 0.6),
    seed: fc.integer({ min: 0, max: 5 }),
    presencePenalty: fc.constantFrom(0, 1.5),
    frequencyPenalty: fc.constantFrom(0, -0.5, 2),
    repetitionPenalty: fc.constantFrom(1, 1.4),
    logitBias: fc.constantFrom(new Map<number, number>(), new Map([[3, 4], [9, -100]])), // prettier-ignore
    minTokens: fc.constantFrom(0, 8),
    stopTokenIds: fc.constantFrom([], [3, 60, 61, 62, 63, 64]),
    logprobs: fc.constantFrom({ top: 2 }, { top: 1, prompt: true }),
  },
  { requiredKeys: ['seed'] },
);

describe('requests with settings of their own', () => {
  it('are answered in a batch as each alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(settings, { minLength: 2, maxLength: 7, size: 'max' }), async (all) => {
        const requests = all.map((one) => ({ ...plain, ...one }));
        const alone: number[][] = [];
        for (const request of requests) alone.push(await collectIds(engine.generate(request)));
        expect(await Promise.all(requests.map((request) => collectIds(engine.generate(request))))).toEqual(alone);
      }),
      { numRuns: 15, seed: 4, endOnFailure: true },
    );
  });

  it('tell log-probabilities of the model itself, whatever changes what is drawn', async () => {
    const request = { ...plain, logprobs: { top: vocabulary } };
    const logitBias = new Map([[7, 100]]);
    const answer = await collect(engine.generate({ ...request, logitBias, maxTokens: 3, temperature: 1, seed: 1 }));
    expect(answer.map(({ token }) => token)).toEqual([7, 7, 7]);
    const [first] = await collect(engine.generate({ ...request, maxTokens: 1 }));
    expect(answer[0]?.topLogprobs).toEqual(first?.topLogprobs);
    expect(answer[0]?.logprob).toBe(first?.topLogprobs?.find(({ token }) => token === 7)?.logprob);
  });

  it('never repeat what is forbidden, and do not end too early', async () => {
    const greedy = await collectIds(engine.generate(plain));
    const [stop = 0] = greedy;
    const early = await collectIds(engine.generate({ ...plain, stopTokenIds: [stop] }));
    const late = await collectIds(engine.generate({ ...plain, stopTokenIds: [stop], minTokens: 10 }));
    expect(early).toEqual([stop]);
    expect(late.slice(0, 10)).not.toContain(stop);
    expect(late.length).toBeGreaterThanOrEqual(10);
    const once = await collectIds(
      engine.generate({ ...plain, frequencyPenalty: 2, presencePenalty: 2, repetitionPenalty: 100 }),
    );
    expect(new Set([...once, ...prompt]).size).toBe(once.length + new Set(prompt).size);
    expect(new Set(greedy).size).toBeLessThan(greedy.length);
  });

  it('of one group have their prompt run once, and are answered as each alone', async () => {
    const adapters = [{ name: 'rank-5' }];
    const requests = [1, 2, 3, 4].map((seed) => {
      const rules = { repetitionPenalty: 1 + seed / 10, logprobs: { top: 1, prompt: true } };
      return { ...plain, ...rules, adapters, temperature: 1, seed, maxTokens: 4 * seed };
    });
    const alone: GeneratedToken[][] = [];
    for (const request of requests) alone.push(await collect(engine.generate(request)));
    const before = engine.stats().tokens.prompt;
    const promptGroup = {};
    const streams = requests.map((request) => engine.generate({ ...request, promptGroup }));
    const other = collectIds(engine.generate({ ...plain, promptGroup }));
    const together = await Promise.all(streams.map(collect));
    expect(await other).toEqual(await collectIds(engine.generate(plain)));
    expect(together.map(ids)).toEqual(alone.map(ids));
    expect(streams.map(({ promptTokens }) => promptTokens)).toEqual(streams.map(() => streams[0]?.promptTokens));
    expect(streams[0]?.promptTokens).toHaveLength(prompt.length);
    // The group's, once; the base's, which is none of it; and the base's alone.
    expect(engine.stats().tokens.prompt - before).toBe(3 * prompt.length);
  });

  it('see the tokens so far in their functions, run these in order, and fail alone where one fails', async () => {
    const seen: [number, number[]][] = [];
    const first = { name: 'first', change: (logits: Float32Array) => void logits.fill(0) };
    const second: NamedLogitsFunction = {
      name: 'second',
      change: (logits, { prompt: given, answer }) => {
        seen.push([given.length, [...answer]]);
        logits[20 + answer.length] = (logits[20] ?? 1) + 1;
      },
    };
    const request = { ...plain, maxTokens: 3 };
    const faults: readonly [string, NamedLogitsFunction['change']][] = [
      ['no more', (_, { answer }) => { if (answer.length === 2) throw new Error('no more'); }], // prettier-ignore
      ['it left NaN at token 5', (logits) => void (logits[5] = Number.NaN)],
      ['it left Infinity at token 5', (logits) => void (logits[5] = Infinity)],
      ['it left no token that can be drawn', (logits) => void logits.fill(-Infinity)],
    ];
    const failing = faults.map(([, change]) =>
      collectIds(engine.generate({ ...request, logitsFunctions: [{ name: 'own', change }] })),
    );
    const company = collectIds(engine.generate(plain));
    const steered = collectIds(engine.generate({ ...request, logitsFunctions: [first, second] }));
    const failures = await Promise.allSettled(failing);
    for (const [at, [reason]] of faults.entries()) {
      const told = { name: 'own', reason };
      expect(failures[at]).toMatchObject({ reason: { code: 'LOGITS_PROCESSOR_FAILED', details: told } });
    }
    expect(await company).toEqual(await collectIds(engine.generate(plain)));
    expect(await steered).toEqual([20, 21, 22]);
    expect(seen).toEqual([[9, []], [9, [20]], [9, [20, 21]]]); // prettier-ignore
  });

  it('draw by a seed what no other request changes', async () => {
    const random = createRandom(8);
    const request = { ...plain, temperature: 1.2, minP: 0.02, seed: 77 };
    const alone = await collectIds(engine.generate(request));
    const company = Array.from({ length: 6 }, () => ({
      ...plain,
      temperature: 1,
      seed: random.integer(99),
      repetitionPenalty: 1.2,
    }));
    const [again] = await Promise.all([request, ...company].map((one) => collectIds(engine.generate(one))));
    expect(again).toEqual(alone);
  });

  it.each([
    ['minP', { minP: 1.5 }],
    ['typicalP', { typicalP: 0 }],
    ['presencePenalty', { presencePenalty: 2.5 }],
    ['frequencyPenalty', { frequencyPenalty: Number.NaN }],
    ['repetitionPenalty', { repetitionPenalty: 0 }],
    ['minTokens', { minTokens: 25 }],
    ['logitBias', { logitBias: new Map([[vocabulary, 1]]) }],
    ['logitBias', { logitBias: new Map([[1, 101]]) }],
  ])('are refused at the call where %s is out of its range', (name, wrong) => {
    const refusal = expect.objectContaining({
      code: 'GENERATION_OPTION_INVALID',
      details: expect.objectContaining({ name }),
    });
    expect(() => engine.generate({ ...plain, ...wrong })).toThrow(refusal);
  });
});
