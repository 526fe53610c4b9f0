/** Rows [start, end) of the stacked adapters. */
export interface RankRows {
  readonly start: number;
  readonly end: number;
}

/** The rows of as many whole blocks of `unit` rows as this rank needs. */
export function wholeBlocks(rank: number, unit: number): number {
  return unit * Math.ceil(rank / unit);
}
