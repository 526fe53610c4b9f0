import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';
import { FakeRolloutEngine, type Seen } from '../testing/fake-rollout-engine.ts';
import { fallbacks } from '../breaker/fallback.ts';
import type { CallOutcome } from './call-outcome.ts';
import type { RolloutOptions } from './rollout-settings.ts';

const subject = { id: 'r1', alias: 'a', stable: 'old', candidate: 'new' };
const operator = { actor: 'key-1', reason: 'seen enough' };
const quick: RolloutOptions = {
  steps: [
    { mirror: 1, minimumMs: 1000 },
    { share: 0.5, minimumMs: 1000 },
    { share: 1, minimumMs: 1000 },
  ],
};

let events: AdapterEvent[];
let heard: Disposable;
beforeEach(() => {
  events = [];
  heard = onAdapterEvent((event) => events.push(event));
});
const engines: FakeRolloutEngine[] = [];
afterEach(() => {
  for (const one of [heard, ...engines.splice(0)]) one[Symbol.dispose]();
});

const failed = (seen: readonly Seen[]): number => seen.filter(({ isFailed }) => isFailed).length;
const told = (): readonly string[] =>
  events.map(({ event, details, result }) =>
    event === 'rollout' ? `${details?.['phase']} ${details?.['step']} ${result}` : `${event} ${details?.['to']}`,
  );

function createEngine(): FakeRolloutEngine {
  const engine = new FakeRolloutEngine();
  engines.push(engine);
  return engine;
}

async function started(options: RolloutOptions = quick): Promise<FakeRolloutEngine> {
  const engine = createEngine();
  await engine.runner.start(subject, options);
  return engine;
}

const failsOnceItAnswers = (engine: FakeRolloutEngine): CallOutcome =>
  engine.runner.status('a').step === 0 ? 'success' : 'failure';

const key = (request: number): string => `user ${request % 500}`;

describe('the roll-outs of a server', () => {
  it('move the name to a good candidate, and say each step', async () => {
    const engine = await started();
    const seen = await engine.serve(3000, key);
    expect([engine.version, engine.quarantined, failed(seen)]).toEqual(['new', [], 0]);
    expect(told()).toEqual(['running 0 done', 'running 1 done', 'running 2 done', 'promoted 2 done']);
    expect(JSON.parse(engine.saved.get('a') ?? '')).toMatchObject({
      isSettled: true,
      state: { phase: { kind: 'promoted' } },
    });
    expect(events.map(({ name, version, previous, actor }) => [name, version, previous, actor])[3]).toEqual([
      'a',
      'new',
      'old',
      'rollout',
    ]);
  });

  it.each(fallbacks)('show no user a failure of a candidate, with the fall-back %s', async (fallback) => {
    const engine = Object.assign(await started(), { fallback });
    engine.outcomes.set('new', () => failsOnceItAnswers(engine));
    const seen = await engine.serve(3000, key);
    expect(failed(seen)).toBe(0);
    expect(seen.filter(({ fallback }) => fallback === 'call failed').length).toBe(5);
    expect([engine.version, engine.quarantined]).toEqual(['old', ['new: 5 of its last 20 calls failed']]);
    expect(told().at(-1)).toBe('failed 1 failed');
  });

  it('would show failures if they were not tried again, or could not be', async () => {
    for (const change of ['retries', 'hasStreamed'] as const) {
      const engine = await started();
      engine[change] = !engine[change];
      engine.outcomes.set('new', () => failsOnceItAnswers(engine));
      expect(failed(await engine.serve(3000, key))).toBe(5);
    }
  });

  it.each([
    ['throws', () => 'failure' as const, '5 of its last 20 calls failed'],
    ['has NaN', () => 'not-finite' as const, 'its logits are not finite'],
    ['is of another base', () => 'incompatible' as const, 'it does not fit the base'],
  ])('roll a candidate back in shadow that %s', async (_, outcome, reason) => {
    const engine = await started();
    engine.outcomes.set('new', outcome);
    const seen = await engine.serve(100, key);
    expect([failed(seen), seen.filter(({ version }) => version === 'new').length]).toEqual([0, 0]);
    expect(engine.quarantined).toEqual([`new: ${reason}`]);
  });

  it('go on after a restart at any time, and end as they would have', async () => {
    const engine = await started();
    for (let i = 0; i < 4; i++) {
      await engine.serve(900, key);
      engine.restart();
    }
    await engine.serve(500, key);
    expect([engine.version, failed(await engine.serve(10))]).toEqual(['new', 0]);
  });

  it('lose no more than the samples since the last save', async () => {
    const engine = await started({ steps: [{ mirror: 1, minimumSamples: 10_000 }, { share: 1 }] });
    await engine.serve(2000);
    engine.restart();
    const kept = engine.runner.status('a').candidateCalls.calls;
    expect(kept).toBeGreaterThanOrEqual(1450);
    expect(kept).toBeLessThanOrEqual(2000);
  });

  it('try again what the end of a roll-out asks for, and after a restart too', async () => {
    const engine = await started();
    await engine.runner.command('a', 'pause', operator);
    engine.faults.push(new Error('the name is being moved'));
    await engine.runner.command('a', 'promote', operator);
    expect([engine.version, events.at(-1)?.result]).toEqual(['old', 'failed']);
    engine.now += 5000;
    engine.runner.tick();
    await engine.settled();
    expect(engine.version).toBe('new');

    const other = await started();
    other.faults.push(new Error('no room in quarantine'));
    other.outcomes.set('new', () => 'not-finite');
    await other.serve(1);
    expect(other.quarantined).toEqual([]);
    other.restart();
    await other.settled();
    expect(other.quarantined).toEqual(['new: its logits are not finite']);
  });

  it('roll a candidate back when its breaker trips', async () => {
    const engine = await started({ ...quick, limits: { hardFailures: 30, hardWindow: 30 } });
    engine.outcomes.set('new', () => failsOnceItAnswers(engine));
    expect(failed(await engine.serve(3000, key))).toBe(0);
    expect(engine.quarantined).toEqual(['new: its breaker tripped']);
  });

  it('answer with the candidate between the decision and the move of the name', async () => {
    const engine = await started();
    engine.faults.push(new Error('not now'));
    await engine.runner.command('a', 'promote', operator);
    expect((await engine.serve(20, key)).every(({ version }) => version === 'new')).toBe(true);
  });

  it('are aborted when someone else moves the name', async () => {
    const engine = await started();
    engine.version = 'third';
    const seen = await engine.serve(5);
    expect(seen.every(({ version }) => version === 'third')).toBe(true);
    expect([engine.runner.status('a').phase.kind, engine.quarantined]).toEqual(['aborted', []]);
  });

  it('obey a person, and say who it was', async () => {
    const engine = await started();
    await engine.runner.command('a', 'pause', operator);
    await engine.runner.command('a', 'resume', operator);
    await engine.runner.command('a', 'abort', operator);
    expect(told()).toEqual(['running 0 done', 'paused 0 done', 'running 0 done', 'aborted 0 done']);
    expect(events.slice(1).every(({ actor, reason }) => actor === 'key-1' && reason === 'seen enough')).toBe(true);
    expect([engine.version, engine.quarantined]).toEqual(['old', []]);
  });

  it('act in their own name after a command', async () => {
    const engine = await started();
    await engine.runner.command('a', 'pause', operator);
    await engine.runner.command('a', 'resume', operator);
    await engine.serve(3000, key);
    expect(events.slice(3).map(({ actor }) => actor)).toEqual(['rollout', 'rollout', 'rollout']);
  });

  it('are one a name at a time', async () => {
    const engine = await started();
    const again = (): Promise<void> => engine.runner.start({ ...subject, id: 'r2' }, quick);
    await expect(again()).rejects.toMatchObject({ code: 'ROLLOUT_ACTIVE' });
    await engine.runner.command('a', 'abort', operator);
    await again();
    expect(engine.runner.list().map(({ id }) => id)).toEqual(['r2']);
    await expect(engine.runner.command('b', 'abort', operator)).rejects.toMatchObject({ code: 'ROLLOUT_NOT_FOUND' });
    expect(() => engine.runner.restore({ state: 5 })).toThrow('cannot be read');
  });
});

describe('a name without a roll-out', () => {
  it('falls back to the version before when its own fails, and comes back', async () => {
    const engine = createEngine();
    engine.outcomes.set('old', (call) => (call < 12 ? 'failure' : 'success'));
    const seen = await engine.serve(20);
    expect([failed(seen), new Set(seen.map(({ version }) => version))]).toEqual([0, new Set(['older'])]);
    expect(seen.map(({ fallback }) => fallback).lastIndexOf('call failed')).toBe(9);
    expect(told()).toEqual(['breaker open']);
    engine.now += 30_000;
    // The first two probes fail.
    await engine.serve(1);
    engine.now += 60_000;
    await engine.serve(1);
    engine.now += 120_000;
    const after = await engine.serve(10);
    expect(after.every(({ version }) => version === 'old')).toBe(true);
    expect(told().at(-1)).toBe('breaker closed');
  });

  it.each([
    ['base', 0],
    ['error', 20],
  ] as const)('answers with its fall-back %s', async (fallback, failures) => {
    const engine = Object.assign(createEngine(), { fallback });
    engine.outcomes.set('old', () => 'failure');
    const seen = await engine.serve(20);
    expect([failed(seen), seen.some(({ version }) => version === 'older')]).toEqual([failures, false]);
  });

  it('gives the place of a probe back when its request is dropped', async () => {
    const engine = Object.assign(createEngine(), { fallback: 'error' as const });
    engine.outcomes.set('old', () => 'failure');
    await engine.serve(10);
    engine.now += 30_000;
    const ask = (): string => {
      using routed = engine.runner.choose({ alias: 'a', version: 'old', previous: undefined, fallback: 'error' });
      return routed.answer.kind === 'version' ? routed.answer.admitted.kind : routed.answer.kind;
    };
    expect([ask(), ask()]).toEqual(['probe', 'probe']);
  });

  it('counts a call once, and tries it again once', () => {
    const engine = createEngine();
    const facts = { alias: 'a', version: 'old', previous: 'older', fallback: 'previous' } as const;
    const routed = engine.runner.choose(facts);
    routed.end({ outcome: 'failure' });
    routed.end({ outcome: 'failure' });
    expect(engine.breakers.list(0)).toMatchObject([{ version: 'old', requests: 1, failures: 1 }]);
    const retry = routed.retry(false);
    retry?.end({ outcome: 'failure' });
    expect([retry?.answer.kind, retry?.retry(false)]).toEqual(['version', undefined]);
  });

  it('is not tried again while its call has not failed', () => {
    const engine = createEngine();
    const facts = { alias: 'a', version: 'old', previous: 'older', fallback: 'previous' } as const;
    const routed = engine.runner.choose(facts);
    expect(routed.retry(false)).toBeUndefined();
    routed.end({ outcome: 'success', latencyMs: 1 });
    expect(routed.retry(false)).toBeUndefined();
  });
});
