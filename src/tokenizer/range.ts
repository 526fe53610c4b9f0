/** From a place up to, not including, another. */
export interface Range {
  readonly start: number;
  readonly end: number;
}
