import type { Floats } from '../../floats.ts';

/** Bytes [start, start + length) of the buffer of an operation. */
export interface Segment {
  readonly start: number;
  readonly length: number;
}

/** A segment that comes from the rank before. */
export interface Arrival extends Segment {
  /** Whether it is joined with the own numbers, or takes their place. */
  readonly how: 'reduce' | 'copy';
  /** Whether it then goes on to the rank behind. */
  readonly forward: boolean;
}

/** What one rank sends and receives in an operation. Its order is that of the sockets, which keep it. */
export interface RingPlan {
  /** Sent at once. What is forwarded follows. */
  readonly sends: readonly Segment[];
  readonly arrivals: readonly Arrival[];
}

export interface RingPlace {
  readonly rank: number;
  readonly worldSize: number;
}

/** Bytes of a frame at most. Each is checked and joined while the next is on its way. */
export const segmentBytes = 1 << 18;

/**
 * All-reduce on a ring: each rank has one of `worldSize` chunks. In the first worldSize − 1 rounds a chunk goes once around and is
 * summed, in the next it goes around again as the result. Each rank sends 2 · (worldSize − 1) / worldSize of the bytes.
 *
 * The order of a sum is given by the number of the chunk alone: chunk c is ((x_c + x_c+1) + x_c+2) + …, ranks modulo `worldSize`.
 *
 * @see Patarasuk & Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations"
 */
export function planAllReduce({ length, BYTES_PER_ELEMENT }: Floats, { rank, worldSize }: RingPlace): RingPlan {
  const boundary = (chunk: number): number => Math.floor((chunk * length) / worldSize) * BYTES_PER_ELEMENT;
  const chunk = (number: number): Segment[] => {
    const wrapped = ((number % worldSize) + worldSize) % worldSize;
    return segmentsOf(boundary(wrapped), boundary(wrapped + 1));
  };
  const rounds = 2 * (worldSize - 1);
  const arrivals: Arrival[] = [];
  for (let round = 0; round < rounds; round++) {
    const how = round < worldSize - 1 ? 'reduce' : 'copy';
    const forward = round < rounds - 1;
    for (const segment of chunk(rank - round - 1)) arrivals.push({ ...segment, how, forward });
  }
  return { sends: chunk(rank), arrivals };
}

/** The root sends, the others pass on, and the rank before the root ends it. */
export function planBroadcast(byteLength: number, { rank, worldSize, root }: RingPlace & { root: number }): RingPlan {
  const all = segmentsOf(0, byteLength);
  if (rank === root) return { sends: all, arrivals: [] };
  const forward = (rank + 1) % worldSize !== root;
  return { sends: [], arrivals: all.map((segment) => ({ ...segment, how: 'copy', forward })) };
}

/**
 * Each rank's bytes go around until they reach the root. WHY all the way: there is no other way to it.
 * @param lengths  bytes of each rank; in the buffer they lie in the order of the ranks
 */
export function planGather(
  lengths: readonly number[],
  { rank, worldSize, root }: RingPlace & { root: number },
): RingPlan {
  const starts = lengths.map((_, each) => lengths.slice(0, each).reduce((sum, length) => sum + length, 0));
  const block = (each: number): Segment[] => {
    const start = starts[each] ?? 0;
    return segmentsOf(start, start + (lengths[each] ?? 0));
  };
  // The ranks that lie behind the root and before this one, the nearest first.
  const behind = (rank - root - 1 + worldSize) % worldSize;
  const passing = Array.from({ length: behind }, (_, i) => (rank - 1 - i + worldSize) % worldSize);
  const forward = rank !== root;
  const arrivals = passing.flatMap((each) => block(each).map((each) => ({ ...each, how: 'copy' as const, forward })));
  return { sends: forward ? block(rank) : [], arrivals };
}

/** Pieces of a range, each within the limit of a frame; none of an empty range. */
function segmentsOf(start: number, end: number): Segment[] {
  const count = Math.ceil((end - start) / segmentBytes);
  return Array.from({ length: count }, (_, i) => {
    const from = start + i * segmentBytes;
    return { start: from, length: Math.min(segmentBytes, end - from) };
  });
}
