import { expect, it } from 'vitest';
import { leastLargeBytes } from './native-memory.ts';
import { sharedMemory } from './shared-memory.ts';

it.each([0, 1, 4095, leastLargeBytes - 1, leastLargeBytes, 2 * leastLargeBytes + 12_345])(
  'gives %d zeroed bytes that can be written to the last one',
  (byteLength) => {
    const bytes = new Uint8Array(sharedMemory(byteLength));
    expect([bytes.length, bytes.buffer instanceof SharedArrayBuffer]).toEqual([byteLength, true]);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    bytes.fill(7);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
  },
);
