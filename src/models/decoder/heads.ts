import type { Value } from '../../ir/index.ts';

/** Queries, keys and values, flat (f32 [tokens, heads·headDim]) or split into heads. */
export interface Heads {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
  /** f32 [tokens, heads·headDim], the factor of the result; only with `gatedOutput` */
  readonly gate?: Value;
}

/** A layer that reads the keys and values of an earlier one has queries alone. */
export type OwnHeads = Heads | Pick<Heads, 'queries' | 'gate'>;
