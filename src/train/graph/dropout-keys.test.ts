import { describe, expect, it } from 'vitest';
import { createMicroBatch } from '../data/micro-batch.ts';
import { keysOf } from './dropout-keys.ts';

const rows = [5, 3, 8].map((length) => ({
  inputIds: Int32Array.from({ length }, (_, i) => i + 1),
  labels: Int32Array.from({ length }, (_, i) => i + 1),
}));
const at = { seed: 4, step: 7, microBatch: 0 };

/** The keys of the tokens of each row, without padding. */
function keysByRow(places: readonly number[], packed: boolean): number[][] {
  const chosen = places.flatMap((place) => rows[place] ?? []);
  const micro = createMicroBatch(chosen, { packed, whole: true });
  const { shape, bytes } = keysOf({ ...micro, places }, at);
  const keys = Array.from(new Int32Array(bytes.buffer, bytes.byteOffset, shape[1]));
  const longest = Math.max(...chosen.map(({ inputIds }) => inputIds.length));
  let start = 0;
  return chosen.map(({ inputIds: { length } }, row) => {
    const begin = packed ? start : row * longest;
    start += length;
    return keys.slice(begin, begin + length);
  });
}

describe('the dropout keys of a pass', () => {
  it.each([false, true])('are those of each row and place, however rows are divided (packed: %s)', (packed) => {
    const together = keysByRow([0, 1, 2], packed);
    expect(together.map(({ length }) => length)).toEqual([5, 3, 8]);
    expect(new Set(together.flat()).size).toBe(16);
    expect([...keysByRow([0], packed), ...keysByRow([1, 2], packed)]).toEqual(together);
    expect(keysByRow([2, 0], packed)).toEqual([together[2], together[0]]);
    expect(keysByRow([1, 2], !packed)).toEqual([together[1], together[2]]);
  });

  it('are, in the second list, those of the tokens that predict a target', () => {
    const labels = Int32Array.of(-100, -100, 3, -100, 5);
    const row = { inputIds: Int32Array.of(1, 2, 3, 4, 5), labels };
    const micro = { ...createMicroBatch([row], { packed: true, whole: true }), places: [0] };
    const { bytes } = keysOf(micro, at);
    const keys = Array.from(new Int32Array(bytes.buffer, bytes.byteOffset, 10));
    expect(keys.slice(5)).toEqual([keys[1], keys[3], 1, 1, 1]);
  });

  it('are others in another step, and for another seed', () => {
    const micro = { ...createMicroBatch(rows, { packed: false }), places: [0, 1, 2] };
    const [first, ...others] = [at, { ...at, step: 8 }, { ...at, seed: 5 }].map((place) => keysOf(micro, place).bytes);
    for (const other of others) expect(other).not.toEqual(first);
  });
});
