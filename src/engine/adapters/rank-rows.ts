/** Rows [start, end) of the stacked adapters. */
export interface RankRows {
  readonly start: number;
  readonly end: number;
}
