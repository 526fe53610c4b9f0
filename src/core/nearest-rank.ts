/**
 * Rank of a percentile among `count` sorted samples, counted from 1: the first sample that at least the share `percentile` of all
 * samples do not exceed (nearest rank).
 */
export function nearestRank(percentile: number, count: number): number {
  const rank = Math.ceil(percentile * count);
  // WHY: the product may be rounded up over an integer. The quotient of two integers is the nearest double of their ratio.
  return rank > 1 && (rank - 1) / count >= percentile ? rank - 1 : rank;
}
