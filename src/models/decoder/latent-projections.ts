import type { LinearLayer } from '../graph/linear.ts';
import type { NormLayer } from '../graph/norm.ts';

/** Two linear layers with a narrow middle, which is normalized. */
export interface NarrowLayers {
  readonly down: LinearLayer;
  readonly norm: NormLayer;
  readonly up: LinearLayer;
}

/**
 * Queries, keys and values of multi-head latent attention. Keys and values of all heads come from one narrow vector c. A part of each
 * query is turned by the rotary embedding; all heads share that part of the key:
 *
 *   [c, r] = down(x),   [kₕ, vₕ] = up(norm(c)) for each head h,   queries [qₕ, qₕ'],   keys [kₕ, r]
 *
 * @see DeepSeek-AI 2024, "DeepSeek-V2", section 2.1
 */
export interface LatentProjections {
  readonly kind: 'latent';
  readonly query: LinearLayer | NarrowLayers;
  /** `down` gives c and r side by side; `up` gives key and value of each head side by side. */
  readonly keyValue: NarrowLayers;
  /** The sizes of the parts of a head of keys: the one that is not turned, and the one that is. */
  readonly plain: number;
  readonly turned: number;
}

/** The linear layers in the order of the computation. */
export function latentLinears({ query, keyValue }: LatentProjections): LinearLayer[] {
  const ofQuery = 'down' in query ? [query.down, query.up] : [query];
  return [...ofQuery, keyValue.down, keyValue.up];
}

export function latentNorms({ query, keyValue }: LatentProjections): NormLayer[] {
  return [...('down' in query ? [query.norm] : []), keyValue.norm];
}
