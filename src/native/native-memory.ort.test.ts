import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { liveHandles } from './native-handle.ts';
import { NativeMemory } from './native-memory.ts';

afterEach(() => {
  if (Object.keys(liveHandles()).length > 0) throw new Error('A memory was left alive.');
});

describe('NativeMemory', () => {
  it('gives views of the same zeroed bytes in every type', () => {
    using memory = NativeMemory.allocate(64);
    expect([...memory.bytes()]).toEqual(Array.from({ length: 64 }, () => 0));
    memory.float32(8, 1)[0] = 1.5;
    memory.bigInt64(16, 1)[0] = -2n;
    expect(memory.float32()[2]).toBe(1.5);
    expect(memory.int32(16, 2)).toEqual(Int32Array.of(-2, -1));
    expect(memory.bytes(8, 4)).toEqual(Uint8Array.of(0, 0, 0xc0, 0x3f));
    expect(memory.uint16(8, 2)).toEqual(Uint16Array.of(0, 0x3fc0));
    expect(memory.float64()).toHaveLength(8);
  });

  it('takes the part of the last element away from a view to the end', () => {
    using memory = NativeMemory.allocate(10);
    expect(memory.float32()).toHaveLength(2);
    expect(memory.bytes(10)).toHaveLength(0);
  });

  it.each([
    { byteOffset: 60, length: 2 },
    { byteOffset: 64, length: 1 },
    { byteOffset: 68, length: undefined },
    { byteOffset: -4, length: 1 },
    { byteOffset: 0, length: -1 },
    { byteOffset: 2 ** 53, length: 1 },
  ])('refuses a view from $byteOffset of $length elements in 64 bytes', ({ byteOffset, length }) => {
    using memory = NativeMemory.allocate(64);
    expect(() => memory.float32(byteOffset, length)).toThrow(expect.objectContaining({ code: 'MEMORY_OUT_OF_BOUNDS' }));
  });

  it('refuses a view that begins within an element', () => {
    using memory = NativeMemory.allocate(64);
    expect(() => memory.float32(2, 1)).toThrow(expect.objectContaining({ code: 'MEMORY_MISALIGNED' }));
    expect(() => memory.bigInt64(4, 1)).toThrow(/byte 4.*element size 8/);
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 60])('refuses to allocate %d bytes', (byteLength) => {
    expect(() => NativeMemory.allocate(byteLength)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  });

  it('says so when the system has no such memory', () => {
    expect(() => NativeMemory.allocate(2 ** 50)).toThrow(expect.objectContaining({ code: 'MEMORY_UNAVAILABLE' }));
  });

  it('holds nothing and still has an address with no bytes', () => {
    using memory = NativeMemory.allocate(0);
    expect(memory.bytes()).toHaveLength(0);
    expect(() => memory.bytes(0, 1)).toThrow(expect.objectContaining({ code: 'MEMORY_OUT_OF_BOUNDS' }));
  });

  it('gives parts of a memory that is larger than any view, and refuses the view that would end the process', () => {
    const gibibyte = 2 ** 30;
    using memory = NativeMemory.allocate(6 * gibibyte);
    memory.float32(5 * gibibyte, 4)[3] = 7;
    expect(memory.float32(5 * gibibyte + 12, 1)[0]).toBe(7);
    expect(memory.bytes(2 * gibibyte, 4 * gibibyte)).toHaveLength(4 * gibibyte);
    expect(() => memory.bytes()).toThrow(expect.objectContaining({ code: 'MEMORY_VIEW_TOO_LARGE' }));
  });

  it('copies within a memory that is larger than any view, and out of it and into it', () => {
    const gibibyte = 2 ** 30;
    using memory = NativeMemory.allocate(9 * gibibyte);
    memory.copyFrom(Uint8Array.of(1, 2, 3, 4, 5), 8 * gibibyte);
    memory.copyWithin({ target: gibibyte, source: 8 * gibibyte, byteLength: 5 });
    memory.copyWithin({ target: gibibyte + 1, source: gibibyte, byteLength: 5 });
    const out = new Uint8Array(7);
    memory.copyTo(out, gibibyte);
    expect([...out]).toEqual([1, 1, 2, 3, 4, 5, 0]);
    const beyond = { target: 9 * gibibyte - 4, source: 0, byteLength: 5 };
    expect(() => memory.copyWithin(beyond)).toThrow(expect.objectContaining({ code: 'MEMORY_OUT_OF_BOUNDS' }));
    expect(() => memory.copyTo(out, -1)).toThrow(expect.objectContaining({ code: 'MEMORY_OUT_OF_BOUNDS' }));
    memory.dispose();
    expect(() => memory.copyFrom(out, 0)).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
  });

  it('refuses use after disposal, and a view kept beyond it reads zeros', () => {
    const memory = NativeMemory.allocate(64);
    const view = memory.float32();
    view[3] = 9;
    memory.dispose();
    memory.dispose();
    expect(() => memory.float32()).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
    expect(view[3]).toBe(0);
    view[3] = 1;
  });

  it('gives physical memory back at disposal, even while a view is kept', () => {
    const size = 256 * 2 ** 20;
    const memory = NativeMemory.allocate(size);
    const view = memory.bytes().fill(1);
    const before = process.memoryUsage().rss;
    memory.dispose();
    expect(before - process.memoryUsage().rss).toBeGreaterThan(size / 2);
    expect(view[0]).toBe(0);
  });
});

describe('NativeMemory.mapFile', () => {
  it("reads a file's bytes, and writes nothing to it", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-memory-'));
    try {
      const path = join(folder, 'data');
      await writeFile(path, Uint8Array.of(1, 2, 3, 4, 5));
      using memory = await NativeMemory.mapFile(path);
      expect([...memory.bytes()]).toEqual([1, 2, 3, 4, 5]);
      memory.bytes()[0] = 9;
      expect([...(await readFile(path))]).toEqual([1, 2, 3, 4, 5]);
      await writeFile(join(folder, 'empty'), '');
      using empty = await NativeMemory.mapFile(join(folder, 'empty'));
      expect(empty.byteLength).toBe(0);
      const missing = NativeMemory.mapFile(join(folder, 'none'));
      await expect(missing).rejects.toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
