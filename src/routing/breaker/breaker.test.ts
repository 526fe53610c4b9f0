import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import type { BreakerOptions } from './breaker-options.ts';
import { Breaker, type Admitted, type BreakerChange, type CallResult } from './breaker.ts';

const failure: CallResult = { outcome: 'failure' };
const success = (latencyMs = 10): CallResult => ({ outcome: 'success', latencyMs });

function admitted(breaker: Breaker, now: number): Admitted {
  const admission = breaker.admit(now);
  if (admission.kind === 'refuse') throw new Error(`refused at ${now}`);
  return admission;
}

function call(breaker: Breaker, now: number, ...results: readonly CallResult[]): void {
  for (const result of results) breaker.record(admitted(breaker, now), result, now);
}

const times = (count: number, result: CallResult): readonly CallResult[] => Array.from({ length: count }, () => result);

/** A breaker that has tripped at 1,000 ms. */
function tripped(options: BreakerOptions = {}, onChange?: (change: BreakerChange) => void): Breaker {
  const breaker = new Breaker(options, onChange);
  call(breaker, 1000, ...times(10, failure));
  return breaker;
}

describe('a breaker', () => {
  it('does not trip at 5 failures of 10, and does at 6', () => {
    const breaker = new Breaker();
    call(breaker, 0, ...times(5, success()), ...times(5, failure));
    expect(breaker.facts(0).state).toBe('closed');
    const other = new Breaker();
    call(other, 0, ...times(4, success()), ...times(6, failure));
    expect(other.facts(0).state).toBe('open');
  });

  it('does not trip with 9 requests, and does with 10', () => {
    const breaker = new Breaker();
    call(breaker, 0, ...times(9, failure));
    expect(breaker.facts(0).state).toBe('closed');
    call(breaker, 0, failure);
    expect(breaker.facts(0).state).toBe('open');
  });

  it('does not count a failure of an hour ago', () => {
    const breaker = new Breaker();
    call(breaker, 0, ...times(9, failure));
    call(breaker, 3_600_000, failure);
    expect(breaker.facts(3_600_000)).toMatchObject({ state: 'closed', requests: 1, failures: 1 });
  });

  it('needs latency as well as failures where the share of failures alone does not make the percentile infinite', () => {
    const options = { failureRate: 0.02, baselineRequests: 10, minimumRequests: 99 };
    const withSuccesses = (latencyMs: number): Breaker => {
      const breaker = new Breaker(options);
      call(breaker, 0, ...times(20, success(10)));
      call(breaker, 60_000, ...times(96, success(latencyMs)), ...times(3, failure));
      return breaker;
    };
    expect(withSuccesses(11).facts(60_000)).toMatchObject({ state: 'closed', slow: 3 });
    expect(withSuccesses(20).facts(60_000)).toMatchObject({ state: 'open' });
  });

  it('compares with the stable version when it is told its latency', () => {
    const breaker = new Breaker({ failureRate: 0.02, minimumRequests: 99 });
    breaker.compareWith(5);
    call(breaker, 0, ...times(96, success(20)), ...times(3, failure));
    expect(breaker.facts(0).state).toBe('open');
  });

  it('lets one probe after the other through when the cool-down is over, and closes after three', () => {
    const breaker = tripped();
    expect(breaker.admit(30_999)).toEqual({ kind: 'refuse', retryAt: 31_000 });
    for (let i = 0; i < 3; i++) {
      const probe = admitted(breaker, 31_000);
      expect([probe.kind, breaker.admit(31_000).kind]).toEqual(['probe', 'refuse']);
      breaker.record(probe, success(), 31_000);
    }
    expect(breaker.facts(31_000)).toMatchObject({ state: 'closed', requests: 0 });
  });

  it('opens again at one failed probe, for twice as long, and never longer than the limit', () => {
    const breaker = tripped({ coolDownLimitMs: 100_000 });
    const waits: number[] = [];
    let now = 31_000;
    for (let i = 0; i < 4; i++) {
      breaker.record(admitted(breaker, now), failure, now);
      const until = breaker.facts(now).openUntil ?? 0;
      waits.push(until - now);
      now = until;
    }
    expect(waits).toEqual([60_000, 100_000, 100_000, 100_000]);
  });

  it('begins with the first cool-down again once it was closed for a window', () => {
    const closedUntil = (now: number): number => {
      const breaker = tripped();
      for (let i = 0; i < 3; i++) call(breaker, 31_000, success());
      call(breaker, now, ...times(10, failure));
      return (breaker.facts(now).openUntil ?? 0) - now;
    };
    expect([closedUntil(90_999), closedUntil(91_000)]).toEqual([60_000, 30_000]);
  });

  it('counts a probe that never returns as failed', () => {
    const breaker = tripped({ probeTimeoutMs: 5000 });
    const probe = admitted(breaker, 31_000);
    expect(breaker.facts(36_000).state).toBe('open');
    breaker.record(probe, success(), 36_000);
    expect(breaker.facts(36_000).state).toBe('open');
  });

  it('gives the place of a cancelled probe to the next', () => {
    const breaker = tripped();
    breaker.record(admitted(breaker, 31_000), { outcome: 'cancelled' }, 31_000);
    expect(breaker.admit(31_000).kind).toBe('probe');
  });

  it('ignores results of calls that were admitted before it tripped', () => {
    const breaker = new Breaker();
    const early = Array.from({ length: 20 }, () => admitted(breaker, 0));
    call(breaker, 0, ...times(10, failure));
    for (let i = 0; i < 3; i++) call(breaker, 30_000, success());
    for (const one of early) breaker.record(one, failure, 30_000);
    expect(breaker.facts(30_000)).toMatchObject({ state: 'closed', requests: 0 });
  });

  it('tells each change, with the counts that led to it', () => {
    const changes: string[] = [];
    const breaker = tripped({}, (change) =>
      changes.push(`${change.to} at ${change.at}: ${change.reason}, ${change.failures} of ${change.requests}`),
    );
    call(breaker, 31_000, success());
    call(breaker, 31_000, failure);
    expect(changes).toEqual([
      'open at 1000: failures, 10 of 10',
      'half-open at 31000: cool-down over, 0 of 0',
      'open at 31000: probe failed, 0 of 0',
    ]);
  });

  it('stands still while a clock goes back', () => {
    const breaker = tripped();
    expect(breaker.admit(-1e9)).toEqual({ kind: 'refuse', retryAt: 31_000 });
    expect(breaker.facts(31_000).state).toBe('half-open');
  });

  it.each<readonly [BreakerOptions, string]>([
    [{ minimumRequests: 0 }, 'Expected an integer from 1 to 1000000000 for minimumRequests, got 0.'],
    [{ probes: 1.5 }, 'Expected an integer from 1 to 1000 for probes, got 1.5.'],
    [{ failureRate: Number.NaN }, 'Expected a number from 0 to 1 for failureRate, got NaN.'],
    [{ windowMs: Infinity }, 'Expected a number from 1000 to 86400000 for windowMs, got Infinity.'],
  ])('refuses the options %j', (options, message) => {
    expect(() => new Breaker(options)).toThrow(new EspalierError('OPTION_INVALID', partsOf(message)));
  });

  it('refuses an option that it does not have', () => {
    const options = { coolDown: 5 } as BreakerOptions;
    expect(() => new Breaker(options)).toThrow('Did you mean coolDownMs?');
  });
});

function partsOf(message: string): { name: string; expected: string; actual: string } {
  const [, expected = '', name = '', actual = ''] = /^Expected (.*) for (.*), got (.*)\.$/.exec(message) ?? [];
  return { name, expected, actual };
}
