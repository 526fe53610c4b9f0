import type { Tape, Value } from '../../ir/index.ts';

/** The size of a head must be a multiple of this for GroupQueryAttention. */
const multiple = 8;

/** The size of a head in the cache, one for keys and values. Heads are padded with zeros, which do not change the products. */
export function cachedHeadDim({
  headDim,
  valueDim = headDim,
}: {
  readonly headDim: number;
  readonly valueDim?: number;
}): number {
  return Math.ceil(Math.max(headDim, valueDim) / multiple) * multiple;
}

interface HeadSizes {
  readonly heads: number;
  readonly headDim: number;
  readonly cachedDim: number;
}

/** f32 [batch, seq, heads·headDim] → [batch, seq, heads·cachedDim] */
export function widened(tape: Tape, x: Value, { heads, headDim, cachedDim }: HeadSizes): Value {
  if (cachedDim === headDim) return x;
  const split = tape.op('Reshape', [x, tape.int64s([0, 0, heads, headDim])]);
  const filled = tape.op('Pad', [split, tape.int64s([0, 0, 0, 0, 0, 0, 0, cachedDim - headDim])]);
  return tape.op('Reshape', [filled, tape.int64s([0, 0, heads * cachedDim])]);
}

/** f32 [batch, seq, heads·cachedDim] → [batch, seq, heads·headDim] */
export function narrowed(tape: Tape, x: Value, { heads, headDim, cachedDim }: HeadSizes): Value {
  if (cachedDim === headDim) return x;
  const split = tape.op('Reshape', [x, tape.int64s([0, 0, heads, cachedDim])]);
  const cut = tape.op('Slice', [split, tape.int64s([0]), tape.int64s([headDim]), tape.int64s([3])]);
  return tape.op('Reshape', [cut, tape.int64s([0, 0, heads * headDim])]);
}

/** Repeats each head, so that as many of them are in the cache as in other layers: [batch, seq, heads·headDim] → [..., times·heads·headDim]. */
export function repeated(
  tape: Tape,
  x: Value,
  { heads, times, headDim }: { readonly heads: number; readonly times: number; readonly headDim: number },
): Value {
  if (times === 1) return x;
  const apart = tape.op('Reshape', [x, tape.int64s([0, 0, heads, 1, headDim])]);
  const more = tape.op('Tile', [apart, tape.int64s([1, 1, 1, times, 1])]);
  return tape.op('Reshape', [more, tape.int64s([0, 0, heads * times * headDim])]);
}
