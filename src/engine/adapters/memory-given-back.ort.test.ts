import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HostMemory } from '../../routing/registry/host-memory.ts';
import { NativeMemory } from '../../native/index.ts';
import { pageAllocator } from '../../native/pages.ts';
import { tensorOf } from '../../tensor/index.ts';
import { prepareAdapter } from './prepare-adapter.ts';
import type { PreparedAdapter } from './prepared-adapter.ts';

const mebibyte = 2 ** 20;
const size = 64 * mebibyte;

/** Bytes of physical memory that this process has, as the system counts them. */
function resident(): number {
  return Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * pageAllocator().pageBytes;
}

/** How much less physical memory the process has after `release`. */
function givenBack(release: () => void): number {
  const before = resident();
  release();
  return before - resident();
}

describe.skipIf(process.platform !== 'linux')('physical memory', () => {
  it('goes back when a range is discarded, and does not by itself', () => {
    using memory = NativeMemory.allocate(size);
    memory.bytes().fill(1);
    expect(givenBack(() => undefined)).toBeLessThan(size / 8);
    expect(givenBack(() => memory.discard(0, size / 2))).toBeGreaterThan((size / 2) * 0.9);
    expect(memory.bytes(size - 1)[0]).toBe(1);
  });

  it('goes back when the host copy of an adapter is dropped, as soon as nothing holds it', async () => {
    const kept = new HostMemory<PreparedAdapter>({ limit: size, isNeeded: () => false });
    const weights = await prepared();
    const hold = kept.keep('digest', weights);
    expect(weights.bytes).toBeGreaterThan(size / 2);
    expect(givenBack(() => kept.drop('digest'))).toBeLessThan(weights.bytes / 8);
    expect(givenBack(() => hold.dispose())).toBeGreaterThan(weights.bytes * 0.9);
  });
});

/** An adapter of one module whose weights take three quarters of `size`. */
function prepared(): Promise<PreparedAdapter> {
  const [rank, width] = [64, (size * 3) / 4 / 4 / 128];
  const matrix = new Float32Array(rank * width).fill(0.5);
  const module = {
    rank,
    scaling: 1,
    a: tensorOf('float32', [rank, width], matrix),
    b: tensorOf('float32', [width, rank], matrix),
  };
  const config = { rank, alpha: rank, dropout: 0, targetModules: ['m'] };
  const adapter = { config, modules: new Map([['m', module]]), baseName: undefined, digest: 'digest' };
  return prepareAdapter('large', adapter, undefined);
}
