/** A part of the forward pass, from one value through which everything goes to the next. */
export interface Segment {
  /** The size of the value behind it, which is in memory from the forward to the backward pass. */
  readonly end: number;
  /** The size of what the backward pass reads within it. */
  readonly within: number;
}

/**
 * The segments whose end need not be kept: together with the next one they are computed again as one layer, and what the backward pass
 * reads within them is in memory for one layer at a time. Every second segment is joined to its next one, those after an even number of
 * others or those after an odd one, if the ends take more than that: in a transformer the attention is joined to the feed-forward part
 * behind it where rows are short or layers are many.
 *
 * @param segments  in order, all of those that are computed again. The end of the last one is always kept
 * @returns their indices
 */
export function spareEnds(segments: readonly Segment[]): ReadonlySet<number> {
  const choices = [0, 1].map((parity) => {
    const indices = [...segments.keys()].filter((i) => i % 2 === parity && i < segments.length - 1);
    const ends = indices.reduce((sum, i) => sum + (segments[i]?.end ?? 0), 0);
    const within = Math.max(0, ...indices.map((i) => segments[i]?.within ?? Infinity));
    const gain = ends - within;
    // WHY: a size that is not known says nothing against the other choice, and NaN is larger and smaller than none.
    return { indices, gain: Number.isNaN(gain) ? -Infinity : gain };
  });
  const best = choices.reduce((a, b) => (b.gain > a.gain ? b : a));
  return new Set(best.gain > 0 ? best.indices : []);
}
