import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planAllReduce, planBroadcast, planGather, segmentBytes, type RingPlan } from './plan.ts';

const worldSizes = fc.integer({ min: 2, max: 8 });

interface Ran {
  /** Bytes that each rank sent. */
  readonly sent: readonly number[];
}

/** Carries out the plans of all ranks: what one sends is what the next gets, in order. */
function run(plans: readonly RingPlan[], buffers: readonly Float64Array[]): Ran {
  const bytes = buffers.map(({ buffer }) => new Uint8Array(buffer));
  const links: Uint8Array[][] = plans.map(() => []);
  const [sent, taken] = [plans.map(() => 0), plans.map(() => 0)];
  const send = (rank: number, { start, length }: { start: number; length: number }): void => {
    if (length < 1 || length > segmentBytes) throw new Error(`rank ${rank} sends ${length} bytes`);
    links[rank]?.push((bytes[rank] ?? new Uint8Array()).slice(start, start + length));
    sent[rank] = (sent[rank] ?? 0) + length;
  };
  for (const [rank, { sends }] of plans.entries()) sends.forEach((segment) => send(rank, segment));
  for (let isMoving = true; isMoving;) {
    isMoving = false;
    for (const [rank, { arrivals }] of plans.entries()) {
      const payload = links[(rank - 1 + plans.length) % plans.length]?.shift();
      if (payload === undefined) continue;
      isMoving = true;
      const arrival = arrivals[taken[rank] ?? 0];
      taken[rank] = (taken[rank] ?? 0) + 1;
      if (arrival === undefined) throw new Error(`rank ${rank} gets more than it expects`);
      if (payload.length !== arrival.length) throw new Error(`rank ${rank} gets ${payload.length} bytes`);
      const values = buffers[rank] ?? new Float64Array();
      const from = new Float64Array(payload.buffer.slice(0));
      if (arrival.how === 'copy') bytes[rank]?.set(payload, arrival.start);
      else from.forEach((value, i) => (values[arrival.start / 8 + i] = (values[arrival.start / 8 + i] ?? 0) + value));
      if (arrival.forward) send(rank, arrival);
    }
  }
  expect(taken).toEqual(plans.map(({ arrivals }) => arrivals.length));
  return { sent };
}

const numbers = (length: number, rank: number): Float64Array =>
  Float64Array.from({ length }, (_, i) => Math.sin(1 + 7 * i + 3 * rank) * 10 ** ((i + rank) % 6));

function isSame(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

describe('planAllReduce', () => {
  it('sums each number in the order of its chunk, and sends twice the array less two chunks', () => {
    fc.assert(
      fc.property(worldSizes, fc.nat(60), (worldSize, length) => {
        const ranks = Array.from({ length: worldSize }, (_, rank) => rank);
        const buffers = ranks.map((rank) => numbers(length, rank));
        const { sent } = run(
          buffers.map((values, rank) => planAllReduce(values, { rank, worldSize })),
          buffers,
        );
        const chunkOf = (i: number): number =>
          ranks.find((c) => i < Math.floor(((c + 1) * length) / worldSize)) ?? worldSize;
        const own = ranks.map((rank) => numbers(length, rank));
        const expected = Float64Array.from({ length }, (_, i) =>
          ranks.map((k) => own[(chunkOf(i) + k) % worldSize]?.[i] ?? NaN).reduce((sum, value) => sum + value),
        );
        for (const values of buffers) expect(isSame(values, expected)).toBe(true);
        expect(sent.reduce((sum, bytes) => sum + bytes)).toBe(2 * (worldSize - 1) * length * 8);
      }),
    );
  });

  it('cuts a chunk into frames', () => {
    const values = new Float64Array((2 * segmentBytes * 2.5) / 8);
    const { sends, arrivals } = planAllReduce(values, { rank: 1, worldSize: 2 });
    expect(sends.map(({ length }) => length / segmentBytes)).toEqual([1, 1, 0.5]);
    expect(arrivals.map(({ how, forward }) => `${how} ${forward}`)).toEqual([
      ...Array<string>(3).fill('reduce true'),
      ...Array<string>(3).fill('copy false'),
    ]);
  });
});

describe('planBroadcast', () => {
  it('gives the bytes of any root to all, and nothing back to it', () => {
    fc.assert(
      fc.property(worldSizes, fc.nat(7), fc.nat(20), (worldSize, root, length) => {
        fc.pre(root < worldSize);
        const buffers = Array.from({ length: worldSize }, (_, rank) => numbers(length, rank));
        const { sent } = run(
          buffers.map((values, rank) => planBroadcast(values.byteLength, { rank, worldSize, root })),
          buffers,
        );
        for (const values of buffers) expect(isSame(values, numbers(length, root))).toBe(true);
        expect(sent.reduce((sum, bytes) => sum + bytes)).toBe((worldSize - 1) * length * 8);
      }),
    );
  });
});

describe('planGather', () => {
  it('brings what each rank has to any root, whatever its length', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { minLength: 2, maxLength: 8 }), fc.nat(7), (lengths, root) => {
        const worldSize = lengths.length;
        fc.pre(root < worldSize);
        const start = (rank: number): number => lengths.slice(0, rank).reduce((sum, length) => sum + length, 0);
        const buffers = lengths.map((length, rank) => {
          const values = new Float64Array(start(worldSize));
          values.set(numbers(length, rank), start(rank));
          return values;
        });
        const bytes = lengths.map((length) => 8 * length);
        run(
          lengths.map((_, rank) => planGather(bytes, { rank, worldSize, root })),
          buffers,
        );
        for (const [rank, length] of lengths.entries()) {
          const gathered = buffers[root]?.subarray(start(rank), start(rank + 1)) ?? new Float64Array();
          expect(isSame(gathered, numbers(length, rank))).toBe(true);
        }
      }),
    );
  });
});
