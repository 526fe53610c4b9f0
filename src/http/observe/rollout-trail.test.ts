import { describe, expect, it } from 'vitest';
import { createRolloutState } from '../../routing/rollout/rollout-state.ts';
import { addComparison, mirrorLimits, readRolloutOptions } from '../../routing/index.ts';
import { RolloutTrail } from './rollout-trail.ts';

const stateOf = (id: string, alias = 'a') =>
  createRolloutState({ id, alias, stable: 'v1', candidate: 'v2' }, readRolloutOptions({}));

function trailOf(states: ReturnType<typeof stateOf>[], maxPoints = 240) {
  let [now, run] = [0, (): void => undefined];
  const timers = {
    after(_ms: number, task: () => void) {
      run = task;
      return () => (run = () => undefined);
    },
  };
  const trail = new RolloutTrail({ list: () => states, timers, now: () => now, maxPoints, everyMs: 1000 });
  const pass = (ms: number): void => {
    now += ms;
    run();
  };
  return { trail, pass };
}

const compare = (state: ReturnType<typeof stateOf>): void => {
  Object.assign(state.mirror.divergence, { count: state.mirror.divergence.count + 1, mean: 0.1 });
};

describe('RolloutTrail', () => {
  it('keeps a point at each look at which more is known', () => {
    const state = stateOf('one');
    const { trail, pass } = trailOf([state]);
    pass(1000);
    pass(1000);
    compare(state);
    pass(1000);
    expect(trail.points('a', 'one')).toMatchObject([
      { time: 1000, requests: 0 },
      { time: 3000, requests: 1, divergence: 0.1 },
    ]);
    trail[Symbol.dispose]();
    compare(state);
    pass(1000);
    expect(trail.points('a', 'one')).toHaveLength(2);
  });

  it('knows where the true means lie once two requests were compared', () => {
    const state = stateOf('one');
    const { trail, pass } = trailOf([state], 1000);
    const add = (divergence: number): void => {
      const limits = mirrorLimits(state.settings.limits, state.settings.noise);
      const comparison = { positions: 1, divergence, agreement: 1 - divergence, stableEntropy: 1, candidateEntropy: 1 };
      addComparison(state.mirror, comparison, limits);
    };
    const { limits: asked, noise } = state.settings;
    const cap = 4 * (asked.divergence + noise.divergence);
    const seen = Array.from({ length: 400 }, (_, at) => {
      add(at % 2 === 0 ? 0.3 : 0.1);
      pass(1000);
      return trail.points('a', 'one').at(-1)?.intervals;
    });
    expect(seen[0]).toEqual({ divergence: undefined, agreement: undefined });
    const isTrue = ({ divergence: kl, agreement }: NonNullable<(typeof seen)[number]>): boolean => {
      if (kl === undefined || agreement === undefined) return false;
      const isInside = kl.least >= 0 && kl.most <= cap && agreement.least >= 0 && agreement.most <= 1;
      return isInside && kl.least < 0.2 && kl.most > 0.2 && agreement.least < 0.8 && agreement.most > 0.8;
    };
    expect(seen.slice(1).every((one) => one !== undefined && isTrue(one))).toBe(true);
    // By hand, for 400 samples of standard deviation 0.1 and 2.5 % at each end: sqrt(2 · V · ln(80) / n) + 7 · cap · ln(80) / (3 · 399).
    const log = Math.log(80);
    const half = Math.sqrt((2 * (4 / 399) * log) / 400) + (7 * cap * log) / (3 * 399);
    expect(seen.at(-1)?.divergence?.most).toBeCloseTo(0.2 + half, 10);
    expect(seen.at(-1)?.divergence?.least).toBeCloseTo(0.2 - half, 10);
  });

  it('stays bounded where every point is a turn', () => {
    const state = stateOf('one');
    const { trail, pass } = trailOf([state], 20);
    for (let at = 1; at <= 500; at++) {
      Object.assign(state, { step: at % 2 });
      pass(1000);
      expect(trail.points('a', 'one').length).toBeLessThanOrEqual(20);
    }
    expect(trail.points('a', 'one')).toMatchObject([
      { time: 1000 },
      ...Array.from({ length: trail.points('a', 'one').length - 2 }, () => ({})),
      { time: 500_000 },
    ]);
  });

  it('covers the whole roll-out in a bounded number of points, with each step', () => {
    const state = stateOf('one');
    const { trail, pass } = trailOf([state], 20);
    for (let at = 0; at < 1000; at++) {
      compare(state);
      if (at === 300) Object.assign(state, { step: 1 });
      if (at === 999) state.phase = { kind: 'promoted', reason: 'x' };
      pass(1000);
    }
    const points = trail.points('a', 'one');
    expect(points.length).toBeLessThanOrEqual(20);
    expect(points.length).toBeGreaterThan(8);
    expect(points[0]?.time).toBe(1000);
    expect(points.find(({ step }) => step === 1)?.requests).toBe(301);
    expect(points.at(-1)).toMatchObject({ requests: 1000, phase: 'promoted' });
    // As dense in the first half as in the second.
    const half = points.filter(({ time }) => time < 500_000).length;
    expect(Math.abs(points.length - 2 * half)).toBeLessThan(8);
  });

  it('forgets a roll-out when another one of the name begins, or the name is gone', () => {
    const states = [stateOf('one'), stateOf('other', 'b')];
    const { trail, pass } = trailOf(states);
    pass(1000);
    expect(trail.points('b', 'other')).toHaveLength(1);
    states.splice(0, 2, stateOf('two'));
    pass(1000);
    expect([trail.points('a', 'one'), trail.points('b', 'other')]).toEqual([[], []]);
    expect(trail.points('a', 'two')).toHaveLength(1);
  });
});
