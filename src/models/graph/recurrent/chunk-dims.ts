/**
 * The most tokens of a chunk. WHY not more: the products within chunks grow with the square of it. WHY not less: the states between
 * chunks need memory, which shrinks with it.
 */
export const chunkSizes = { gatedDelta: 32, mamba2: 64 } as const;

/** The names of the symbolic dimensions of rows that are cut into chunks of at most `size` tokens. */
export function chunkDims(size: number): { readonly chunks: string; readonly chunk: string } {
  return { chunks: `chunks${size}`, chunk: `chunk${size}` };
}

/** The sizes of these dimensions, of all kinds of chunks, where the longest row has `seq` tokens. */
export function chunkDimSizes(seq: number): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const size of Object.values(chunkSizes)) {
    const { chunks, chunk } = chunkDims(size);
    const length = Math.min(seq, size);
    sizes.set(chunk, length).set(chunks, length === 0 ? 0 : Math.ceil(seq / length));
  }
  return sizes;
}
