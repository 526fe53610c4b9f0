import { elementCount } from '../../tensor/index.ts';
import type { ParameterEntry, ParameterSpec } from './parameter-arena.ts';

/** Neighbouring parameters [first, end) whose gradients are summed over all processes together. */
export interface GradientBucket {
  readonly first: number;
  readonly end: number;
}

/** Elements [start, end) of the flat array of gradients. */
export interface GradientRange {
  readonly start: number;
  readonly end: number;
}

/** WHY: of smaller sums the ways to and fro are a large part. */
const leastBytes = 1 << 22;
/** Buckets of a training of every weight. What the last one takes is hidden behind nothing. */
const mostBuckets = 16;

/**
 * Divides the parameters into buckets, from the last to the first, as the backward pass comes to them. It depends on the parameters
 * alone, so that every process has the same ones, whether it can tell when they are written or not.
 *
 * @param bucketBytes  of the gradients of a bucket, at least. Default: 4 MiB, and a sixteenth of all
 */
export function bucketsOf(parameters: readonly ParameterSpec[], bucketBytes?: number): readonly GradientBucket[] {
  const bytes = parameters.map(({ shape }) => 4 * elementCount(shape));
  const all = bytes.reduce((sum, each) => sum + each, 0);
  const least = bucketBytes ?? Math.max(leastBytes, all / mostBuckets);
  const buckets: GradientBucket[] = [];
  let [end, held] = [parameters.length, 0];
  for (let first = parameters.length - 1; first >= 0; first--) {
    held += bytes[first] ?? 0;
    if (held < least && first > 0) continue;
    buckets.push({ first, end });
    [end, held] = [first, 0];
  }
  return buckets;
}

/** Where the buckets lie, in the same order: every element is in one of them, gaps between parameters included. */
export function rangesOf(
  entries: readonly ParameterEntry[],
  { length, buckets }: { readonly length: number; readonly buckets: readonly GradientBucket[] },
): readonly GradientRange[] {
  const startOf = (index: number): number => (index === 0 ? 0 : (entries[index]?.start ?? length));
  return buckets.map(({ first, end }) => ({ start: startOf(first), end: startOf(end) }));
}
