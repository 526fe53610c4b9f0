/**
 * Metadata key of the Scan that `chunkLoss` adds: it gives the loss of each row, and the gradient of that loss for the row of the first
 * input. The value is the most rows of a chunk.
 */
export const chunkedLossKey = 'espalier.chunked-loss';

/** The names of the symbolic dimensions of targets in chunks of at most `rows`. */
export function lossChunkDims(rows: number): Record<'chunks' | 'chunk' | 'places', string> {
  return { chunks: `loss_chunks${rows}`, chunk: `loss_chunk${rows}`, places: `loss_places${rows}` };
}

/** The sizes of these dimensions for so many targets. */
export function lossChunkSizes(rows: number, targets: number): Map<string, number> {
  const { chunks, chunk, places } = lossChunkDims(rows);
  const count = Math.max(1, Math.ceil(targets / rows));
  const size = Math.ceil(targets / count);
  return new Map([
    [chunks, count],
    [chunk, size],
    [places, count * size],
  ]);
}
