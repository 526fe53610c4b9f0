import { describe, expect, it } from 'vitest';

import { charge, createFlow, enterFlows, isServedLess, leaveFlows } from './flows.ts';

describe('flows', () => {
  it('begins a caller that was away where the one that was given least stands', () => {
    const root = createFlow();
    const [busy, other] = [enterFlows(root, ['busy']), enterFlows(root, ['other'])];
    charge(busy, 50);
    charge(other, 70);
    expect(enterFlows(root, ['new'])[0]?.served).toBe(50);
  });

  it('forgets no debt of a caller that leaves and comes back', () => {
    const root = createFlow();
    const [busy, other] = [enterFlows(root, ['busy']), enterFlows(root, ['other'])];
    charge(busy, 90);
    charge(other, 10);
    leaveFlows(root, busy);
    const again = enterFlows(root, ['busy']);
    expect([isServedLess(other, again), isServedLess(again, other)]).toEqual([true, false]);
  });

  it('shares what a caller has between its adapters, and between its requests with one adapter', () => {
    const root = createFlow();
    const paths = [1, 2].map((request) => enterFlows(root, ['caller', 'first', request]));
    const third = enterFlows(root, ['caller', 'second', 3]);
    const [first = [], second = []] = paths;
    charge(first, 10);
    expect(isServedLess(third, second)).toBe(true);
    charge(third, 20);
    expect([isServedLess(second, first), isServedLess(second, third)]).toEqual([true, true]);
  });

  it('keeps a bounded number of callers that are gone, and all of their parts none', () => {
    const root = createFlow();
    const stays = enterFlows(root, ['stays', 'adapter', 0]);
    for (let i = 0; i < 5000; i++) leaveFlows(root, enterFlows(root, [`caller ${i}`, 'adapter', i]));
    expect(root.parts.size).toBeLessThanOrEqual(2048);
    expect(root.parts.get('caller 4999')?.parts.size).toBe(0);
    expect(root.parts.get('stays')).toBe(stays[0]);
  });
});
