import { describe, expect, it } from 'vitest';
import { formatBytes } from './disk-full.ts';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1.25e6, '1.3 MB'],
    [3.5e9, '3.5 GB'],
  ])('writes %d as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
