import { describe, expect, it } from 'vitest';
import { liveHandles } from '../../native/index.ts';
import { createRunMemory } from './run-memory.ts';
import { SharedArenas } from './shared-arenas.ts';

const mebibyte = 2 ** 20;

describe('the plan fixed', () => {
  it('keeps one arena a lane, and grows it only for a larger run', () => {
    const memory = createRunMemory('fixed', new SharedArenas());
    const first = memory.acquire(0, 1000);
    expect(memory.acquire(0, 500).memory).toBe(first.memory);
    expect(memory.acquire(1, 500).memory).not.toBe(first.memory);
    expect(memory.reservedBytes).toBe(1500);
    memory.acquire(0, 2000);
    expect(memory.reservedBytes).toBe(2500);
    memory.dispose();
    expect([memory.reservedBytes, liveHandles()]).toEqual([0, {}]);
  });
});

describe('the plan two-level', () => {
  it('gives what one model leaves to the next', () => {
    const arenas = new SharedArenas();
    const [a, b] = [createRunMemory('two-level', arenas), createRunMemory('two-level', arenas)];
    const first = a.acquire(0, 600_000);
    const second = b.acquire(0, 300_000);
    expect([second.memory === first.memory, second.byteOffset]).toEqual([true, 600_000]);
    first.release();
    first.release();
    const third = b.acquire(1, 500_000);
    expect([third.byteOffset, arenas.reservedBytes]).toEqual([0, mebibyte]);
    for (const block of [second, third]) block.release();
    arenas.dispose();
  });

  it('grows by an arena where none has room, and gives all but the largest back when they are empty', () => {
    const arenas = new SharedArenas();
    const blocks = [mebibyte, mebibyte, 5 * mebibyte].map((bytes) => arenas.acquire(bytes));
    expect(arenas.reservedBytes).toBe((1 + 2 + 6) * mebibyte);
    for (const block of blocks) block.release();
    expect([arenas.usedBytes, arenas.reservedBytes]).toEqual([0, 6 * mebibyte]);
    arenas.dispose();
    expect([arenas.reservedBytes, liveHandles()]).toEqual([0, {}]);
  });

  it('gives everything back with its model where nothing is shared', () => {
    const memory = createRunMemory('two-level');
    memory.acquire(0, 64).release();
    memory.dispose();
    expect([memory.reservedBytes, liveHandles()]).toEqual([0, {}]);
  });

  it('keeps an arena that is in use until the run has ended', () => {
    const arenas = new SharedArenas();
    const block = arenas.acquire(64);
    arenas.dispose();
    block.memory.bytes(block.byteOffset, 64).fill(7);
    block.release();
    expect(liveHandles()).toEqual({});
  });
});

describe('the plan on-demand', () => {
  it('holds nothing between runs', () => {
    const memory = createRunMemory('on-demand', new SharedArenas());
    memory.acquire(0, 1000).release();
    expect([memory.reservedBytes, memory.holdsOutputs, liveHandles()]).toEqual([0, false, {}]);
  });
});
