import { describe, expect, it } from 'vitest';
import { createRolloutState } from '../../routing/rollout/rollout-state.ts';
import { readRolloutOptions } from '../../routing/index.ts';
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
