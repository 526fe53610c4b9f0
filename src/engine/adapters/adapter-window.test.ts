import { describe, expect, it } from 'vitest';

import { fillMask, windowOf, type AppliedAdapter } from './adapter-window.ts';

const first: AppliedAdapter = { rows: { start: 3, end: 5 }, scale: 1 };
const second: AppliedAdapter = { rows: { start: 7, end: 8 }, scale: 0.5 };

describe('windowOf', () => {
  it('binds base rows alone to the first block, which is zero', () => {
    expect(windowOf([[], []])).toEqual({ start: 0, end: 1 });
    expect(windowOf([[], []], 16)).toEqual({ start: 0, end: 16 });
  });

  it('is exactly the rows of an adapter that is alone', () => {
    expect(windowOf([[second], []])).toEqual({ start: 7, end: 8 });
  });

  it('covers every adapter of the batch', () => {
    expect(windowOf([[second], [], [first]])).toEqual({ start: 3, end: 8 });
  });
});

describe('fillMask', () => {
  it('gives each row the columns of its own adapters only', () => {
    const mask = new Float32Array(15).fill(9);
    fillMask(mask, { start: 3, end: 8 }, [[first], [], [first, second]]);
    expect([...mask]).toEqual([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0.5]);
  });

  it('adds up where a request names one version twice', () => {
    const mask = new Float32Array(2);
    fillMask(mask, first.rows, [[first, { ...first, scale: 0.5 }]]);
    expect([...mask]).toEqual([1.5, 1.5]);
  });
});
