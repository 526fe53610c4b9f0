import { describe, expect, it } from 'vitest';
import { ticksTo } from './chart.ts';

describe('ticksTo', () => {
  it.each([
    [7, [0, 2, 4, 6, 8]],
    [100, [0, 20, 40, 60, 80, 100]],
    [0.3, [0, 0.1, 0.2, 0.3]],
    [0, [0, 1]],
  ])('covers %d with round numbers', (most, expected) => expect(ticksTo(most)).toEqual(expected));
});
