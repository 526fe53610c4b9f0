/** The median of the values. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Bounds of the true median with 95 %, whatever the distribution: the values at the ranks that a fair coin stays within.
 * @returns {[number, number]}
 */
export function medianBounds(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  let [rank, below, term] = [0, 0, 0.5 ** count];
  while (below + term <= 0.025 && rank < count) {
    below += term;
    term = (term * (count - rank)) / (rank + 1);
    rank++;
  }
  const lowest = Math.max(0, rank - 1);
  return [sorted[lowest], sorted[count - 1 - lowest]];
}
