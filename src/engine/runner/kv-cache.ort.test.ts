import { describe, expect, it } from 'vitest';

import { KvCache } from './kv-cache.ts';
import type { KvShape } from './kv-shape.ts';

const small: KvShape = { layers: 2, slots: 3, kvHeads: 2, maxLength: 8, headDim: 4 };
const hybrid: KvShape = { ...small, layers: 1, states: [[2, 3], [5]] };
/** Each array has 8.6 GB of addresses; pages are taken only where something is written. */
const large: KvShape = { layers: 1, slots: 16, kvHeads: 8, maxLength: 131_072, headDim: 128 };

/** Contents of which every byte tells where it belongs. */
function contentsOf({ layers, kvHeads, headDim, states = [] }: KvShape, length: number, seed: number): Uint8Array[] {
  const rows = Array.from({ length: 2 * layers }, () => kvHeads * length * headDim * 4);
  const sizes = [...rows, ...states.map((shape) => shape.reduce((product, dim) => product * dim, 4))];
  return sizes.map((size, part) => Uint8Array.from({ length: size }, (_, i) => seed + 31 * part + 7 * i));
}

describe('KvCache', () => {
  const shapes = { small, 'with recurrent states': hybrid, 'of more than 4 GiB an array': large };
  for (const [name, shape] of Object.entries(shapes)) {
    it(`copies a slot, and exports and imports it: ${name}`, async () => {
      const cache = new KvCache(shape);
      try {
        const last = shape.slots - 1;
        const [one, other] = [contentsOf(shape, 5, 1), contentsOf(shape, 7, 2)];
        await cache.import(last, { length: 5, parts: one });
        await cache.import(1, { length: 7, parts: other });
        await cache.copy({ from: last, to: 0, length: 5 });
        expect(await cache.export(0, 5)).toEqual({ length: 5, parts: one });
        expect(await cache.export(last, 5)).toEqual({ length: 5, parts: one });
        expect(await cache.export(1, 7)).toEqual({ length: 7, parts: other });
        await cache.copy({ from: 1, to: last, length: 7 });
        expect(await cache.export(last, 7)).toEqual({ length: 7, parts: other });
      } finally {
        cache.dispose();
      }
    });
  }

  it('copies more than one piece of a row', async () => {
    const shape = { layers: 1, slots: 2, kvHeads: 1, maxLength: 20_000, headDim: 32 };
    const cache = new KvCache(shape);
    try {
      const parts = contentsOf(shape, 19_999, 3);
      await cache.import(1, { length: 19_999, parts });
      await cache.copy({ from: 1, to: 0, length: 19_999 });
      const { parts: found } = await cache.export(0, 19_999);
      expect(found.map((part, i) => Buffer.compare(part, parts[i] ?? new Uint8Array()))).toEqual([0, 0]);
    } finally {
      cache.dispose();
    }
  });

  it('refuses contents of another form, with nothing written', async () => {
    const cache = new KvCache(small);
    try {
      const parts = contentsOf(small, 5, 1);
      for (const contents of [
        { length: 5, parts: [...parts, new Uint8Array(24)] },
        { length: 6, parts },
        { length: 5, parts: parts.slice(1) },
        { length: 9, parts: contentsOf(small, 9, 1) },
      ]) {
        await expect(cache.import(0, contents)).rejects.toThrow(RangeError);
      }
      expect((await cache.export(0, 1)).parts.every((part) => part.every((byte) => byte === 0))).toBe(true);
    } finally {
      cache.dispose();
    }
  });
});
