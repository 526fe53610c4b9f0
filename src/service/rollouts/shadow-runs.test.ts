import { beforeEach, describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import type { PreparedAdapter } from '../../engine/index.ts';
import { type AdapterArena, AdapterRegistry, type MirroredCall } from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { storedVersion } from '../../routing/testing/fake-store.ts';
import type { GeneratedToken, GenerationRequest, ReportedToken, TokenStream } from '../engine-port.ts';
import { ShadowRuns } from './shadow-runs.ts';

const prompt = [1, 2, 3];
const answer = [4, 5];

/** What a version finds likeliest everywhere. */
type Belief = readonly [token: number, probability: number][];

let registry: AdapterRegistry<PreparedAdapter>;
let beliefs: Map<string, Belief | Error | 'hangs'>;
let requests: GenerationRequest[];
let order: string[];
let recorded: MirroredCall[];
let timeouts: (() => void)[];
let shadow: ShadowRuns;
let isStableFirst: () => boolean;

beforeEach(async () => {
  registry = new AdapterRegistry(new FakeArena() as unknown as AdapterArena<PreparedAdapter>, { memory: 100 });
  await registry.adopt('a', storedVersion('old'));
  await registry.held.hold('a', storedVersion('new'));
  beliefs = new Map();
  [requests, order, recorded, timeouts] = [[], [], [], []];
  isStableFirst = () => true;
  shadow = new ShadowRuns({
    engine: { generate },
    acquire: (name, version) => registry.held.acquire(name, version),
    top: 2,
    isStableFirst: () => isStableFirst(),
    timers: {
      after: (_, run) => {
        timeouts.push(run);
        return () => void timeouts.splice(timeouts.indexOf(run), 1);
      },
    },
  });
});

function generate(request: GenerationRequest): TokenStream {
  const version = request.adapters[0]?.lease.version.digest ?? '';
  requests.push(request);
  order.push(version);
  const belief = beliefs.get(version) ?? [
    [4, 0.75],
    [5, 0.25],
  ];
  if (EspalierError.isInstance(belief) && belief.code === 'QUEUE_FULL') throw belief;
  const promptTokens: ReportedToken[] = [];
  return {
    promptTokens,
    times: { arrived: 0, admitted: 10, finished: version === 'old' ? 30 : 50 },
    async *[Symbol.asyncIterator](): AsyncIterator<GeneratedToken> {
      await Promise.resolve();
      if (belief instanceof Error) throw belief;
      if (belief === 'hangs') {
        await new Promise((_, reject) =>
          request.signal?.addEventListener('abort', () => reject(request.signal?.reason as Error)),
        );
      }
      const topLogprobs = (belief as Belief).map(([token, p]) => ({ token, logprob: Math.log(p) }));
      for (const token of request.tokens) promptTokens.push({ token, topLogprobs });
      yield* [];
    },
  };
}

async function offer(): Promise<void> {
  using stable = registry.acquire('a');
  shadow.offer({ alias: 'a', candidate: 'new', stable, prompt, answer, record: (call) => recorded.push(call) });
  for (let i = 0; i < 30; i++) await Promise.resolve();
}

describe('a mirrored request', () => {
  it('is scored by both versions on the same prefixes, in slots that nobody else wants', async () => {
    await offer();
    expect(order).toEqual(['old', 'new']);
    for (const request of requests) {
      expect(request).toMatchObject({
        tokens: [1, 2, 3, 4, 5],
        maxTokens: 0,
        logprobs: { top: 2, prompt: true },
        class: 'background',
      });
    }
    expect(recorded).toMatchObject([
      {
        outcome: 'success',
        hasStableFailed: false,
        comparison: { positions: 2, divergence: 0, agreement: 1 },
        latencies: { stableMs: 20, candidateMs: 40, first: 'stable' },
      },
    ]);
    expect(registry.versions().map(({ digest }) => digest)).toEqual(['old', 'new']);
    expect(registry.info('a').requests).toBe(0);
  });

  it('tells which version came first', async () => {
    isStableFirst = () => order.length !== 2;
    for (let i = 0; i < 3; i++) await offer();
    expect(order).toEqual(['old', 'new', 'new', 'old', 'old', 'new']);
    expect(recorded.map(({ latencies }) => latencies?.first)).toEqual(['stable', 'candidate', 'stable']);
  });

  it('leaves to chance which version comes first, though two are mirrored at once', async () => {
    shadow = new ShadowRuns({ engine: { generate }, acquire: (name, version) => registry.held.acquire(name, version) });
    for (let i = 0; i < 64; i++) {
      using stable = registry.acquire('a');
      const mirrored = { alias: 'a', candidate: 'new', stable, prompt, answer };
      for (let pair = 0; pair < 2; pair++) shadow.offer({ ...mirrored, record: (call) => recorded.push(call) });
      for (let j = 0; j < 40; j++) await Promise.resolve();
    }
    // Each of them is missing with a probability of 2 ** -128.
    expect(new Set(recorded.map(({ latencies }) => latencies?.first))).toEqual(new Set(['stable', 'candidate']));
  });

  it('tells how much the versions differ', async () => {
    beliefs.set('new', [
      [5, 0.75],
      [4, 0.25],
    ]);
    await offer();
    const { comparison } = recorded[0] ?? {};
    expect(comparison?.agreement).toBe(0);
    expect(comparison?.divergence).toBeCloseTo(0.5 * Math.log(3), 10);
  });

  it.each([
    ['not-finite', new EspalierError('LOGITS_NOT_FINITE', {})],
    ['failure', new Error('broken')],
    ['failure', new EspalierError('FILE_NOT_FOUND', { what: 'file', path: 'adapter_model.safetensors' })],
    ['incompatible', new EspalierError('ADAPTER_RANK_TOO_LARGE', { name: 'a', rank: 9, limit: 8 })],
  ] as const)('tells of a candidate that fails: %s', async (outcome, error) => {
    beliefs.set('new', error);
    await offer();
    expect(recorded).toMatchObject([{ outcome, hasStableFailed: false }]);
  });

  it('says that the stable version failed as well', async () => {
    for (const version of ['old', 'new']) beliefs.set(version, new Error('broken'));
    await offer();
    expect(recorded).toMatchObject([{ outcome: 'failure', hasStableFailed: true }]);
  });

  it('has failed if its candidate hangs, and is dropped if the machine is too busy for either', async () => {
    beliefs.set('new', 'hangs');
    await offer();
    timeouts[0]?.();
    for (let i = 0; i < 30; i++) await Promise.resolve();
    expect(recorded).toMatchObject([{ outcome: 'failure', hasStableFailed: false }]);
    beliefs.set('old', 'hangs');
    await offer();
    for (let i = 0; i < 2; i++) {
      timeouts[0]?.();
      for (let j = 0; j < 30; j++) await Promise.resolve();
    }
    expect([recorded.length, shadow.counts]).toEqual([1, { run: 1, dropped: 1, skipped: 0 }]);
  });

  it('is dropped while two others run, and after the end', async () => {
    beliefs.set('old', 'hangs');
    for (let i = 0; i < 3; i++) await offer();
    expect([requests.length, shadow.counts.dropped]).toEqual([2, 1]);
    await shadow[Symbol.asyncDispose]();
    await offer();
    expect([requests.length, recorded, shadow.counts.dropped]).toEqual([2, [], 4]);
    expect(registry.info('a').requests).toBe(0);
  });

  it('is dropped if the queue has no room', async () => {
    const full = { waiting: 1, count: 1, limit: 1, retryAfterSeconds: 1 };
    beliefs.set('new', new EspalierError('QUEUE_FULL', full));
    await offer();
    expect([recorded, shadow.counts.dropped]).toEqual([[], 1]);
  });

  it('is skipped without an answer', () => {
    using stable = registry.acquire('a');
    shadow.offer({ alias: 'a', candidate: 'new', stable, prompt, answer: [], record: () => undefined });
    expect([requests, shadow.counts.skipped]).toEqual([[], 1]);
  });
});
