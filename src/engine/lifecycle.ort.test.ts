import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Adapter, ModuleWeights } from '../lora/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import type { EngineOptions } from './engine.ts';
import { openServedEngine, type ServedEngine } from './testing/served-engine.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collect, collectIds } from './testing/collect.ts';
import { openGoldenCase, type GoldenCase } from './testing/golden-case.ts';

let environment: Environment;
let golden: GoldenCase;
let engine: ServedEngine;

beforeEach(async () => {
  environment = openEnvironment({ threads: 1 });
  golden = await openGoldenCase('llama');
});

afterEach(async () => {
  await engine.dispose();
  environment.dispose();
  assertNothingAlive();
});

async function open(options: Partial<EngineOptions> = {}): Promise<void> {
  engine = await openServedEngine({ base: golden.base, environment, ...options });
  await engine.adapters.load('policy', golden.trained);
}

function ask(maxTokens = 16, signal?: AbortSignal): ReturnType<ServedEngine['generate']> {
  const adapters = [{ name: 'policy' }];
  const request = { tokens: golden.prompt, adapters, maxTokens, stopTokenIds: [] };
  return engine.generate(signal === undefined ? request : { ...request, signal });
}

describe('a request', () => {
  it('gives its lease and its slot back when its reader leaves in the middle', async () => {
    await open({ maxSlots: 1 });
    for await (const { token } of ask(100)) if (token >= 0) break;
    expect(await collectIds(ask())).toEqual(golden.greedy.trained);
    expect(engine.adapters.list()[0]?.leases).toBe(0);
    expect(engine.stats().requests).toMatchObject({ finished: 1, cancelled: 1, failed: 0 });
  });

  it('is refused at the call by a signal that has aborted, and rejected by one that aborts', async () => {
    await open();
    expect(() => ask(16, AbortSignal.abort(new Error('too late')))).toThrow('too late');
    const controller = new AbortController();
    const stream = ask(100, controller.signal);
    await stream.next();
    controller.abort(new Error('changed my mind'));
    await expect(collect(stream)).rejects.toThrow('changed my mind');
    await engine.drain();
    expect(engine.adapters.list()[0]?.leases).toBe(0);
  });

  it('that waits can be aborted without ever running', async () => {
    await open({ maxSlots: 1 });
    const first = ask(100);
    await first.next();
    const controller = new AbortController();
    const waiting = ask(16, controller.signal);
    controller.abort(new Error('no more'));
    await expect(collect(waiting)).rejects.toThrow('no more');
    await first.return();
    await engine.drain();
    expect(engine.stats().tokens.prompt).toBe(golden.prompt.length);
  });

  it('is refused when the queue is full, and others go on', async () => {
    await open({ maxSlots: 1, maxWaiting: 2 });
    const running = ask();
    await running.next();
    const waiting = [ask(), ask()];
    expect(() => ask()).toThrow(expect.objectContaining({ code: 'QUEUE_FULL', retryable: true, status: 429 }));
    expect(await Promise.all(waiting.map(collectIds))).toEqual([golden.greedy.trained, golden.greedy.trained]);
    expect(engine.adapters.list()[0]?.leases).toBe(0);
  });

  it('is not held up by another whose reader is slow', async () => {
    await open();
    const slow = ask();
    expect(await collectIds(ask())).toEqual(golden.greedy.trained);
    expect(await collectIds(slow)).toEqual(golden.greedy.trained);
  });

  it('ends on the adapter it began with, also when that is unloaded or replaced in the middle', async () => {
    await open();
    const stream = ask();
    const first = await stream.next();
    await engine.adapters.replace('policy', golden.adapter);
    const second = ask();
    await engine.adapters.unload('policy');
    expect(() => ask()).toThrow(expect.objectContaining({ code: 'ADAPTER_NOT_FOUND' }));
    expect([first.value?.token, ...(await collectIds(stream))]).toEqual(golden.greedy.trained);
    expect(await collectIds(second)).toEqual(golden.greedy.adapter);
    expect(engine.adapters.versions()).toEqual([]);
  });
});

describe('an engine', () => {
  it('finishes what is under way when it drains, and takes nothing new', async () => {
    await open({ maxSlots: 2 });
    const streams = Array.from({ length: 5 }, () => ask());
    const drained = engine.drain();
    expect(() => ask()).toThrow(expect.objectContaining({ code: 'ENGINE_CLOSED', status: 503 }));
    await drained;
    expect(await Promise.all(streams.map(collectIds))).toEqual(streams.map(() => golden.greedy.trained));
  });

  it('fails what is under way when it is disposed, and can be disposed twice', async () => {
    await open({ maxSlots: 2 });
    const streams = Array.from({ length: 5 }, () => ask(100));
    await streams[0]?.next();
    await Promise.all([engine.dispose(), engine.dispose()]);
    const answers = await Promise.allSettled(streams.map(collect));
    expect(answers).toMatchObject(streams.map(() => ({ status: 'rejected', reason: { code: 'ENGINE_CLOSED' } })));
    expect(() => ask()).toThrow(expect.objectContaining({ code: 'ENGINE_CLOSED' }));
  });

  it.each([
    ['ADAPTER_CAPACITY', { adapterRows: 3 }],
    ['ADAPTER_RANK_TOO_LARGE', { maxAdapterRank: 3 }],
    ['ADAPTER_TARGET_NOT_SERVED', { adapterTargets: ['q_proj', 'v_proj'] }],
  ])('refuses an adapter with %s, and goes on serving', async (code, options) => {
    engine = await openServedEngine({ base: golden.base, environment, ...options });
    const small = { ...golden.trained, modules: new Map<string, ModuleWeights>(), digest: 'nothing' };
    await engine.adapters.load('policy', small);
    const { digest } = golden.adapter;
    await expect(engine.adapters.load('adapter', golden.adapter)).rejects.toMatchObject({ code });
    expect(engine.adapters.list().map(({ version }) => version)).not.toContain(digest);
    expect(await collectIds(ask())).toEqual(golden.greedy.base);
  });

  it('refuses an adapter whose values would reach other rows, and gives its rows back', async () => {
    await open({ adapterRows: 8 });
    const [path, weights] = [...golden.adapter.modules][0] ?? [];
    if (path === undefined || weights === undefined) throw new RangeError('The golden adapter is empty');
    const broken = { ...weights, scaling: Number.NaN };
    const modules = new Map([...golden.adapter.modules, [path, broken] as const]);
    const load = (): Promise<unknown> =>
      engine.adapters.load('broken', { ...golden.adapter, modules, digest: 'broken' });
    await expect(load()).rejects.toMatchObject({ code: 'ADAPTER_VALUES_UNUSABLE', details: { module: path } });
    await expect(load()).rejects.toMatchObject({ code: 'ADAPTER_VALUES_UNUSABLE' });
    expect(await collectIds(ask())).toEqual(golden.greedy.trained);
  });

  it('keeps an adapter that overflows to itself: not a row beside it, and not the next one in its slot, is touched', async () => {
    await open({ maxSlots: 2 });
    await engine.adapters.load('huge', inflated(golden.adapter, 1e14));
    const request = {
      tokens: golden.prompt,
      maxTokens: 16,
      stopTokenIds: [],
      adapters: [{ name: 'huge', scale: 1000 }],
    };
    const huge = Promise.allSettled([collect(engine.generate(request)), collect(engine.generate(request))]);
    const others = Array.from({ length: 4 }, () => collectIds(ask()));
    expect(await huge).toMatchObject([
      { reason: { code: 'LOGITS_NOT_FINITE' } },
      { reason: { code: 'LOGITS_NOT_FINITE' } },
    ]);
    expect(await Promise.all(others)).toEqual(others.map(() => golden.greedy.trained));
    const beside = collectIds(ask());
    const again = await Promise.allSettled([collect(engine.generate(request))]);
    expect([again[0].status, await beside]).toEqual(['rejected', golden.greedy.trained]);
  });
});

/** The same adapter with all of its values made as large as the registry takes. */
function inflated(weights: Adapter, size: number): Adapter {
  const inflate = ({ a, b, ...rest }: ModuleWeights): ModuleWeights => ({
    ...rest,
    scaling: 1,
    a: tensorOf(
      'float32',
      a.shape,
      toFloat32(a).map((value) => (value < 0 ? -size : size)),
    ),
    b: tensorOf(
      'float32',
      b.shape,
      toFloat32(b).map((value) => (value < 0 ? -size : size)),
    ),
  });
  const modules = new Map(Array.from(weights.modules, ([path, module]) => [path, inflate(module)] as const));
  return { ...weights, modules, digest: `inflated ${weights.digest}` };
}
