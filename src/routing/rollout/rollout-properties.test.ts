import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Comparison } from './request-comparison.ts';
import type { RolloutOptions } from './rollout-settings.ts';
import { Rollout, type RolloutChange, type Side } from './rollout.ts';

const subject = { id: 'r1', alias: 'a', stable: 'old', candidate: 'new' };
const same: Comparison = { positions: 8, divergence: 0, agreement: 1, stableEntropy: 1, candidateEntropy: 1 };
const options: RolloutOptions = {
  steps: [
    { mirror: 0.5, minimumSamples: 20, minimumMs: 1000, maximumMs: 60_000 },
    { share: 0.1, mirror: 0.5, minimumSamples: 20, minimumMs: 1000, maximumMs: 60_000 },
    { share: 0.5, minimumSamples: 20, minimumMs: 1000, maximumMs: 60_000 },
    { share: 1, minimumSamples: 20, minimumMs: 1000, maximumMs: 60_000 },
  ],
  limits: { errorIncrease: 0.5, divergence: 5 },
};

const step = fc.oneof(
  fc.record({ kind: fc.constant('answer' as const), side: fc.constantFrom<Side>('stable', 'candidate') }),
  fc.record({ kind: fc.constant('mirror' as const), divergence: fc.double({ min: 0, max: 2, noNaN: true }) }),
  fc.record({ kind: fc.constantFrom('failure', 'pause', 'resume', 'resume', 'tick', 'assign') }),
  { arbitrary: fc.record({ kind: fc.constant('many' as const) }), weight: 4 },
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;
const histories = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 3000 })), { maxLength: 50, size: 'max' });

function apply(rollout: Rollout, one: Step, now: number): unknown {
  if (one.kind === 'assign') return [rollout.assign(), rollout.assign('k')];
  if (one.kind === 'tick') rollout.tick(now);
  else if (one.kind === 'pause') rollout.pause('p', now);
  else if (one.kind === 'resume') rollout.resume(now);
  else if (one.kind === 'failure') failOften(rollout, now);
  else if ('side' in one) rollout.recordAnswer(one.side, { outcome: 'success', latencyMs: 7.3 }, now);
  else if ('divergence' in one) mirrorOnce(rollout, one.divergence, now);
  else serveMany(rollout, now);
  return undefined;
}

function mirrorOnce(rollout: Rollout, divergence: number, now: number): void {
  rollout.recordMirrored({ outcome: 'success', hasStableFailed: false, comparison: { ...same, divergence } }, now);
}

function failOften(rollout: Rollout, now: number): void {
  for (let i = 0; i < 4; i++) rollout.recordAnswer('candidate', { outcome: 'failure' }, now);
}

function serveMany(rollout: Rollout, now: number): void {
  for (let i = 0; i < 60; i++) {
    rollout.recordAnswer('stable', { outcome: 'success', latencyMs: 5 + i }, now);
    rollout.recordAnswer('candidate', { outcome: 'success', latencyMs: 5 + ((i * 37) % 60) }, now);
    mirrorOnce(rollout, 0, now);
  }
}

describe('a roll-out with random events', () => {
  it('goes on after a restart as if it had never stopped, wherever it was cut', () => {
    fc.assert(
      fc.property(histories, fc.nat({ max: 60 }), (events, cut) => {
        let [now, shift] = [0, 0];
        const whole = Rollout.start(subject, { ...options, now });
        let cutOff = Rollout.start(subject, { ...options, now });
        for (const [i, [one, ms]] of events.entries()) {
          if (i === cut) {
            for (const either of [whole, cutOff]) either.tick(now);
            // Another process, whose clock is another one.
            shift = 1_000_000;
            cutOff = Rollout.resume(JSON.parse(JSON.stringify(cutOff)), { now: now + shift });
          }
          now += ms;
          expect(apply(cutOff, one, now + shift)).toEqual(apply(whole, one, now));
        }
        expect(cutOff.toJSON()).toEqual(whole.toJSON());
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it('changes only as it may, and gives the candidate no key beyond the share of its step', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(histories, (events) => {
        const changes: RolloutChange[] = [];
        const rollout = Rollout.start(subject, { ...options, now: 0, onChange: (change) => changes.push(change) });
        let now = 0;
        let answered: ReadonlySet<string> = new Set();
        for (const [one, ms] of events) {
          const before = { kind: rollout.phase.kind, step: rollout.toJSON().step, changes: changes.length };
          apply(rollout, one, (now += ms));
          for (const change of changes.slice(before.changes)) {
            expect(mayBecome(before, change)).toBe(true);
            [before.kind, before.step] = [change.phase.kind, change.step];
          }
          const shares = sharesOf(rollout, answered);
          expect(shares.problems).toEqual([]);
          answered = shares.answered;
        }
        for (const { phase, step: at } of changes) reached.add(`${phase.kind} ${at}`);
      }),
      { numRuns: 60, seed: 1 },
    );
    expect([...reached]).toEqual(
      expect.arrayContaining(['running 1', 'running 3', 'paused 1', 'failed 2', 'promoted 3']),
    );
  });
});

type Kind = RolloutChange['phase']['kind'];

function mayBecome(
  before: { readonly kind: Kind; readonly step: number },
  { phase, step: to }: RolloutChange,
): boolean {
  if (before.kind !== 'running' && before.kind !== 'paused') return false;
  if (phase.kind !== 'running') return to === before.step && phase.kind !== before.kind;
  return to === before.step + (before.kind === 'running' ? 1 : 0);
}

const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);

interface Shares {
  /** The keys that the candidate answers. */
  readonly answered: ReadonlySet<string>;
  readonly problems: readonly string[];
}

function sharesOf(rollout: Rollout, before: ReadonlySet<string>): Shares {
  const { phase, step: at, settings } = rollout.toJSON();
  const assigned = keys.map((key) => [key, rollout.assign(key)] as const);
  const answered = new Set(assigned.filter(([, { answers }]) => answers === 'candidate').map(([key]) => key));
  const isLive = phase.kind === 'running' || phase.kind === 'paused';
  const share = phase.kind === 'promoted' ? 1 : isLive ? (settings.steps[at]?.share ?? 0) : 0;
  const allowed = share === 0 || share === 1 ? 0 : 6;
  const mayMirror = phase.kind === 'running' && (settings.steps[at]?.mirror ?? 0) > 0;
  const problems = [
    Math.abs(answered.size - share * keys.length) > allowed && `${answered.size} keys for a share of ${share}`,
    share > 0 && [...before].some((key) => !answered.has(key)) && 'a key went back',
    !mayMirror && assigned.some(([, { isMirrored }]) => isMirrored) && 'a request is mirrored',
  ];
  return { answered, problems: problems.filter((problem) => problem !== false) };
}
