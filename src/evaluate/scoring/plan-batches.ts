/**
 * Groups rows into batches that are padded to their longest row. Rows of similar length are grouped, so that there is little padding.
 *
 * @param lengths    number of tokens of each row
 * @param maxTokens  maximum number of tokens of a batch, including padding; a longer row is a batch by itself
 * @returns the indices of the rows of each batch
 */
export function planBatches(lengths: readonly number[], maxTokens: number): number[][] {
  const shortestFirst = [...lengths.keys()].sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  const batches: number[][] = [];
  for (const row of shortestFirst) {
    const batch = batches.at(-1);
    if (batch !== undefined && (batch.length + 1) * (lengths[row] ?? 0) <= maxTokens) batch.push(row);
    else batches.push([row]);
  }
  return batches;
}
