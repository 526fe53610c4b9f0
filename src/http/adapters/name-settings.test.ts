import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';
import type { PreparedAdapter } from '../../engine/index.ts';
import { type AdapterArena, AdapterRegistry, createAdapterControl, Router } from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { Rollouts } from '../../service/rollouts/rollouts.ts';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';

let registry: AdapterRegistry<PreparedAdapter>;
let rollouts: Rollouts<PreparedAdapter>;
let app: FastifyInstance;
let events: AdapterEvent[];
let heard: Disposable;

beforeEach(async () => {
  events = [];
  heard = onAdapterEvent((event) => events.push(event));
  const clock = { now: () => 0 };
  const store = new FakeStore(['v1', 'v2', 'v3']);
  registry = new AdapterRegistry(new FakeArena() as unknown as AdapterArena<PreparedAdapter>, { memory: 100 });
  rollouts = new Rollouts({ registry, clock });
  const control = createAdapterControl({ registry, baseName: 'base', store });
  await control.move('org/policy', 'v1', {});
  await rollouts.begin({ control, store });
  const router = new Router({ baseName: 'base', registry, versions: rollouts.choice });
  const context = { ...fakeContext(), control, rollouts, router };
  app = createApp(context, { generation: context }, { clock });
});
afterEach(async () => {
  heard[Symbol.dispose]();
  await app.close();
  await rollouts[Symbol.asyncDispose]();
  registry.dispose();
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string } };
}

describe('the fall-back of a name', () => {
  const set = async (payload: object, headers = {}): Promise<readonly [number, unknown]> => {
    const url = '/v1/adapters/org%2Fpolicy';
    const answer = await app.inject({ method: 'PATCH', url, payload, headers });
    const { fallback, error } = answer.json<{ fallback?: unknown; error?: { code: string } }>();
    return [answer.statusCode, fallback ?? error?.code];
  };
  /** What answers while the version of the name is open. */
  const answersNow = async (): Promise<string> => {
    for (let i = 0; i < 10; i++) {
      using chosen = await rollouts.choice.choose('org/policy').catch(() => undefined);
      chosen?.call.end({ outcome: 'failure' });
    }
    try {
      using chosen = await rollouts.choice.choose('org/policy');
      return chosen.lease?.version.digest ?? 'base';
    } catch (error) {
      return String((error as { code?: string }).code);
    }
  };

  it('is that of the server until it is declared, is shown, and decides who answers', async () => {
    expect(await answersNow()).toBe('BREAKER_OPEN');
    const shown = await app.inject({ url: '/v1/adapters' });
    const { data } = shown.json<{ data: { fallback: unknown }[] }>();
    expect(data[0]?.fallback).toEqual({ answers: 'previous', declared: false });
    expect(await set({ fallback: 'base', reason: 'no version before' })).toEqual([
      200,
      { answers: 'base', declared: true },
    ]);
    expect(await answersNow()).toBe('base');
    expect(events.filter(({ event }) => event === 'fallback')).toMatchObject([
      { name: 'org/policy', reason: 'no version before', details: { fallback: 'base', before: 'previous' } },
    ]);
    expect(await set({ fallback: null })).toEqual([200, { answers: 'previous', declared: false }]);
    expect(await answersNow()).toBe('BREAKER_OPEN');
  });

  it('is not changed for another version than the expected one, nor to what is none', async () => {
    expect(await set({ fallback: 'base' }, { 'if-match': '"v2"' })).toEqual([412, 'precondition_failed']);
    expect((await set({ fallback: 'nobody' }))[0]).toBe(400);
    expect(rollouts.fallbackOf('org/policy')).toEqual({ fallback: 'previous', isDeclared: false });
  });
});

describe('the noise of a name', () => {
  const noise = async (method: 'GET' | 'POST' | 'DELETE', payload?: object): Promise<Answer> => {
    const url = '/v1/adapters/org%2Fpolicy/noise';
    const answer = await app.inject({ method, url, ...(payload && { payload }) });
    return { status: answer.statusCode, body: answer.json<Answer['body']>() };
  };
  const comparison = { positions: 4, divergence: 0.01, agreement: 0.9, stableEntropy: 1, candidateEntropy: 1.1 };
  /** A request for the name, whose copy is compared. */
  const ask = async (): Promise<string | undefined> => {
    using chosen = await rollouts.choice.choose('org/policy');
    const { call } = chosen;
    if (call.mirror !== undefined) call.recordMirrored({ outcome: 'success', hasStableFailed: false, comparison });
    call.end({ outcome: 'success', latencyMs: 1 });
    return call.mirror;
  };

  it('is measured by comparing the version with itself, and is the floor of the next roll-out', async () => {
    expect((await noise('GET')).body).toMatchObject({ running: null, floor: null });
    expect((await noise('POST', { samples: 25, share: 1 })).body).toMatchObject({
      running: { wanted: 25, samples: 0 },
    });
    for (let i = 0; i < 30; i++) expect(await ask()).toBe(i < 25 ? 'v1' : undefined);
    const { body } = await noise('GET');
    expect(body).toMatchObject({ running: null, floor: { version: 'v1', samples: 25 } });
    const floor = body['floor'] as { divergence: number; agreement: number };
    expect(floor.divergence).toBeGreaterThan(0.01);
    await rollouts.start('org/policy', 'v2', {});
    expect(rollouts.status('org/policy').settings.noise).toMatchObject({ divergence: floor.divergence });
    expect((await noise('POST', {})).body.error?.code).toBe('rollout_active');
  });

  it('is not used for another version, nor where a roll-out says its own', async () => {
    await noise('POST', { samples: 20, share: 1 });
    for (let i = 0; i < 20; i++) await ask();
    await rollouts.start('org/policy', 'v2', { rollout: { noise: { divergence: 0.2 } } });
    expect(rollouts.status('org/policy').settings.noise).toEqual({ divergence: 0.2, agreement: 1, entropy: 0 });
    await rollouts.command('org/policy', 'promote', {});
    await rollouts.start('org/policy', 'v3', {});
    expect(rollouts.status('org/policy').settings.noise).toEqual({ divergence: 0, agreement: 1, entropy: 0 });
    expect((await noise('DELETE')).body).toMatchObject({ floor: null });
  });

  it.each([{ samples: 1 }, { share: 2 }, { shares: 1 }])('is not measured with %o', async (body) => {
    expect((await noise('POST', body)).status).toBe(400);
  });
});
