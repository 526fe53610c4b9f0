import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import { batchOf, drawGroupedOrder, drawOrder, orderByLength } from './batches.ts';
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

describe('drawGroupedOrder', () => {
  const grouped = async (count: number, batchSize: number, seed: number, epoch: number): Promise<number[][]> => {
    const order = await drawGroupedOrder(
      count,
      { shuffle: true, seed, epoch },
      { batchSize, lengthOf: (row) => row % 97 },
    );
    return Array.from({ length: Math.ceil(count / batchSize) }, (_, i) =>
      batchOf(i, { rows: count, batchSize, order }),
    );
  };

  it('takes every row once, with the smaller batch at the end', async () => {
    const sizes = {
      count: fc.integer({ min: 1, max: 900 }),
      batchSize: fc.integer({ min: 1, max: 9 }),
      seed: fc.nat(),
    };
    await fc.assert(
      fc.asyncProperty(fc.record(sizes), async ({ count, batchSize, seed }) => {
        const batches = await grouped(count, batchSize, seed, 0);
        expect(batches.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, row) => row));
        expect(batches.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('puts rows of similar length together, in batches that do not follow their lengths', async () => {
    const batches = await grouped(800, 8, 3, 0);
    const lengths = batches.map((batch) => batch.map((row) => row % 97));
    const spread = lengths.map((each) => Math.max(...each) - Math.min(...each));
    expect(Math.max(...spread)).toBeLessThan(10);
    // Batches of one group.
    const first = (await grouped(320, 8, 3, 0)).map((batch) => (batch[0] ?? 0) % 97);
    expect(first).not.toEqual(first.toSorted((a, b) => b - a));
    expect(first).not.toEqual(first.toSorted((a, b) => a - b));
  });

  it('is the same for the same seed and epoch alone', async () => {
    expect(await grouped(300, 4, 5, 1)).toEqual(await grouped(300, 4, 5, 1));
    expect(await grouped(300, 4, 5, 1)).not.toEqual(await grouped(300, 4, 5, 2));
    expect(await grouped(300, 4, 5, 1)).not.toEqual(await grouped(300, 4, 6, 1));
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
