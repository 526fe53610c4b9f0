import { expect, it } from 'vitest';
import { leastLargeBytes } from './native-memory.ts';
import { emptyShared, sharedMemory } from './shared-memory.ts';

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

it.runIf(process.platform === 'linux')('gives the pages of large memory back, and leaves small memory alone', () => {
  const memories = [sharedMemory(2 * leastLargeBytes), sharedMemory(leastLargeBytes - 1)] as const;
  const [large, small] = [new Uint8Array(memories[0]).fill(7), new Uint8Array(memories[1]).fill(7)];
  for (const memory of memories) emptyShared(memory);
  // A page at each end may belong to others.
  expect(large.filter((byte) => byte !== 0).length).toBeLessThan(2 * 65_536);
  expect(small.every((byte) => byte === 7)).toBe(true);
});
