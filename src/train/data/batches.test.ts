import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import { batchOf, drawOrder, orderByLength } from './batches.ts';
import { countTargets } from './example.ts';

const rows = Array.from({ length: 30 }, (_, id) => id);
const options = { shuffle: true, seed: 7, epoch: 0 };
const drawn = async (changes: Partial<typeof options>, count = rows.length): Promise<number[]> => {
  const order = await drawOrder(count, { ...options, ...changes });
  return Array.from({ length: count }, (_, place) => order(place));
};

/** How often other tasks had a turn while the work went on. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let [turns, isDone] = [0, false];
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isDone = true;
  return turns;
}

describe('drawOrder', () => {
  it('is the shuffle that the seed and the epoch give', async () => {
    for (const [seed, epoch, count] of [
      [7, 0, 30],
      [7, 3, 1],
      [2 ** 40, 1, 2000],
    ] as const) {
      const expected = createRandom(seed, `shuffle/${epoch}`).shuffle(Array.from({ length: count }, (_, id) => id));
      expect(await drawn({ seed, epoch }, count)).toEqual(expected);
    }
  });

  it('is another for another seed and epoch, and that of the file where nothing is shuffled', async () => {
    expect(await drawn({ epoch: 1 })).not.toEqual(await drawn({}));
    expect(await drawn({ seed: 8 })).not.toEqual(await drawn({}));
    expect(await drawn({ shuffle: false, epoch: 3 })).toEqual(rows);
  });

  it('lets other tasks run while it draws for many rows', async () => {
    expect(await turnsDuring(() => drawOrder(1_000_000, options))).toBeGreaterThan(10);
  });
});

it('batchOf puts every row in exactly one batch, and keeps the last partial one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.boolean(), fc.nat(), async (batchSize, shuffle, seed) => {
      const order = await drawOrder(rows.length, { shuffle, seed, epoch: 0 });
      const count = Math.ceil(rows.length / batchSize);
      const batches = Array.from({ length: count }, (_, i) => batchOf(i, { rows: rows.length, batchSize, order }));
      expect(batches.flat().toSorted((a, b) => a - b)).toEqual(rows);
      expect(batches.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
    }),
  );
});

describe('orderByLength', () => {
  it('is a stable sort by length', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9 })), async (lengths) => {
        const expected = lengths.map((length, row) => ({ length, row })).toSorted((a, b) => a.length - b.length);
        const order = await orderByLength(lengths.length, (row) => lengths[row] ?? 0);
        expect([...order]).toEqual(expected.map(({ row }) => row));
      }),
    );
  });

  it('lets other tasks run while it sorts many rows', async () => {
    expect(await turnsDuring(() => orderByLength(1_000_000, (row) => row % 500))).toBeGreaterThan(10);
  });
});

it('countTargets leaves out the first label, which nothing predicts', () => {
  expect(countTargets({ inputIds: Int32Array.of(1, 2, 3), labels: Int32Array.of(1, -100, 3) })).toBe(1);
});
