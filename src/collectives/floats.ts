/** Numbers over which a collective operation works, in place. */
export type Floats = Float32Array | Float64Array;

/** How `allReduce` joins the numbers of all ranks. A mean is the sum divided by the number of ranks. */
export type ReduceOp = 'sum' | 'mean' | 'max';

/** What a transport itself computes: the group makes a mean of a sum. */
export type TransportOp = Exclude<ReduceOp, 'mean'>;

/** The type of the numbers, as frames and errors name it. */
export function typeOf(values: Floats): 'float32' | 'float64' {
  return values instanceof Float64Array ? 'float64' : 'float32';
}

/** Elements [start, end) of `into` become the sum, or the larger, of themselves and those of `from`, which begin at 0. */
export function reduceInto(into: Floats, from: Floats, { op, start }: { op: TransportOp; start: number }): void {
  if (op === 'sum') {
    for (let i = 0; i < from.length; i++) into[start + i] = (into[start + i] ?? 0) + (from[i] ?? 0);
    return;
  }
  // WHY Math.max: NaN on one rank is NaN on all.
  for (let i = 0; i < from.length; i++) into[start + i] = Math.max(into[start + i] ?? 0, from[i] ?? 0);
}

/** The bytes of an array, without a copy. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
