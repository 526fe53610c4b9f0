import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, type Floats, type ReduceOp } from '../floats.ts';
import type { ProcessGroup } from '../process-group.ts';
import { onAll } from './group-here.ts';

/** Numbers of which sums in f32 depend on their order. */
function numbersOf<T extends Floats>(make: (length: number) => T, length: number, rank: number): T {
  const values = make(length);
  for (let i = 0; i < length; i++) values[i] = Math.sin(1 + i * 7.1 + rank * 3.3) * 10 ** ((i + rank) % 5);
  return values;
}

const types = {
  float32: (length: number): Floats => new Float32Array(length),
  float64: (length: number): Floats => new Float64Array(length),
};

function expectedOf(op: ReduceOp, numbers: readonly number[]): number {
  if (op === 'max') return Math.max(...numbers);
  const sum = numbers.reduce((total, each) => total + each, 0);
  return op === 'sum' ? sum : sum / numbers.length;
}

/** What every transport must do. @param open  joins all ranks of a group, in this process */
export function describeProcessGroup(
  name: string,
  open: (worldSize: number) => Promise<readonly ProcessGroup[]>,
  worldSizes: readonly number[],
): void {
  describe.each(worldSizes)(`a group over ${name} of %i`, (worldSize) => {
    let groups: readonly ProcessGroup[] = [];
    beforeAll(async () => {
      groups = await open(worldSize);
    });
    afterAll(() => onAll(groups, (group) => group.close()));

    const lengths = [...new Set([0, 1, worldSize - 1, worldSize, worldSize + 1, 1000])];
    it.each(lengths)('joins %i numbers, the same bytes on all ranks and in all runs', async (length) => {
      for (const make of Object.values(types)) {
        for (const op of ['sum', 'mean', 'max'] as const) {
          const run = (): Promise<Floats[]> =>
            onAll(groups, async (group) => {
              const values = numbersOf(make, length, group.rank);
              await group.allReduce(values, op);
              return values;
            });
          const [first, again] = [await run(), await run()];
          const [one] = first;
          if (one === undefined) throw new Error('no rank');
          for (const values of [...first, ...again]) expect(Buffer.compare(bytesOf(values), bytesOf(one))).toBe(0);
          const all = groups.map(({ rank }) => numbersOf(make, length, rank));
          let largest = 0;
          for (let i = 0; i < length; i++) {
            const numbers = all.map((values) => values[i] ?? NaN);
            const size = Math.max(...numbers.map(Math.abs), 1e-30);
            largest = Math.max(largest, Math.abs((one[i] ?? NaN) - expectedOf(op, numbers)) / size);
          }
          expect(largest).toBeLessThan(make === types.float32 ? 1e-6 : 1e-14);
        }
      }
    });

    it('joins arrays of many frames', async () => {
      const length = worldSize * 70_000 + 1;
      const results = await onAll(groups, async (group) => {
        const values = new Float32Array(length).fill(group.rank + 1);
        values[length - 1] = 10;
        await group.allReduce(values);
        return values;
      });
      const expected = new Float32Array(length).fill((worldSize * (worldSize + 1)) / 2);
      expected[length - 1] = 10 * worldSize;
      for (const values of results) expect(Buffer.compare(bytesOf(values), bytesOf(expected))).toBe(0);
    });

    it('keeps a NaN of one rank', async () => {
      const results = await onAll(groups, async (group) => {
        const values = Float32Array.from([group.rank === worldSize - 1 ? NaN : 1, 2]);
        await group.allReduce(values, 'max');
        return values;
      });
      for (const values of results) expect([...values]).toEqual([NaN, 2]);
    });

    it.each([0, 1, 700_001])('gives %i bytes of each root to all', async (length) => {
      for (const root of new Set([0, worldSize - 1])) {
        const results = await onAll(groups, async (group) => {
          const bytes = new Uint8Array(length).fill(group.rank + 1);
          await group.broadcast(bytes, { root });
          return bytes;
        });
        for (const bytes of results) expect(Buffer.alloc(length, root + 1).equals(bytes)).toBe(true);
      }
    });

    it('gathers bytes of other lengths at any root', async () => {
      for (let root = 0; root < worldSize; root++) {
        const results = await onAll(groups, (group) =>
          group.gather(new Uint8Array(group.rank * 90_000).fill(group.rank), { root }),
        );
        for (const [rank, gathered] of results.entries()) {
          const lengths = gathered?.map(
            (bytes) => Buffer.alloc(bytes.length, bytes.length / 90_000).equals(bytes) && bytes.length,
          );
          expect(lengths).toEqual(rank === root ? groups.map((_, each) => each * 90_000) : undefined);
        }
      }
    });

    it('lets nobody through a barrier before the last has come', async () => {
      let come = 0;
      await onAll(groups, async (group) => {
        for (let turn = 0; turn < group.rank * 3; turn++) await new Promise((resolve) => setImmediate(resolve));
        come += 1;
        await group.barrier();
        expect(come).toBe(worldSize);
      });
    });

    it('does calls one after the other, although nobody waits for the first', async () => {
      const results = await onAll(groups, async (group) => {
        const [a, b] = [Float32Array.of(1), Float64Array.of(group.rank)];
        await Promise.all([group.allReduce(a), group.allReduce(b, 'max')]);
        return [a[0], b[0]];
      });
      for (const result of results) expect(result).toEqual([worldSize, worldSize - 1]);
    });
  });
}
