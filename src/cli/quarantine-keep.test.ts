import { describe, expect, it } from 'vitest';
import { quarantineKeep } from './quarantine-keep.ts';

describe('--quarantine-keep', () => {
  it.each([
    ['200', { count: 200 }],
    [200, { count: 200 }],
    ['1.5GB', { bytes: 1.5 * 2 ** 30 }],
    ['500MB, 12h', { bytes: 500 * 2 ** 20, ageMs: 12 * 3_600_000 }],
    ['30d,10GB,200', { count: 200, bytes: 10 * 2 ** 30, ageMs: 30 * 86_400_000 }],
  ])('reads %j', (text, bounds) => {
    expect(quarantineKeep.parse(text)).toEqual(bounds);
  });

  it.each(['', '0', '1.5', '10kB', '10,20', '10GB,1MB', '10,', '-1', 'all'])('refuses %j', (text) => {
    expect(quarantineKeep.safeParse(text).success).toBe(false);
  });
});
