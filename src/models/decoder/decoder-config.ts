import type { ModelConfig } from '../base-model.ts';
import type { LinearLayer } from '../graph/linear.ts';
import type { MlpLayer } from '../graph/mlp.ts';
import type { NormLayer } from '../graph/norm.ts';
import type { RopeConfig } from './rope.ts';

/**
 * The description of a decoder: everything on which its graphs depend. The file of a family creates it from a config.json. The
 * builders of graphs read this description only and do not know the family.
 */
export interface DecoderConfig extends ModelConfig {
  readonly kind: 'decoder';
  /** The number of query heads. `heads / kvHeads` of them share one head of keys and values. */
  readonly heads: number;
  readonly intermediateSize: number;
  /** The path of the token embedding. */
  readonly embedding: string;
  /** The factor of the embedded tokens. */
  readonly embeddingScale: number;
  /** The table of learned positions, which is added to the embedding. */
  readonly learnedPositions?: { readonly path: string; readonly count: number };
  readonly blocks: readonly DecoderBlock[];
  /** The factor of each branch before it is added to the residual stream. */
  readonly residualScale: number;
  readonly lastNorm: NormLayer;
  readonly head: LinearLayer;
  /** The factor of the logits. */
  readonly logitScale: number;
  /** The soft cap c of the logits: c·tanh(x / c). */
  readonly logitSoftcap?: number;
}

/**
 * One block. It computes the following; a norm that the family does not have is omitted:
 *
 *   x ← x + attentionOutputNorm(attention(attentionNorm(x)))
 *   x ← x + mlpOutputNorm(mlp(mlpNorm(x)))
 */
export interface DecoderBlock {
  readonly path: string;
  readonly attentionNorm?: NormLayer;
  readonly attention: AttentionLayer;
  readonly attentionOutputNorm?: NormLayer;
  readonly mlpNorm?: NormLayer;
  readonly mlp: MlpLayer;
  readonly mlpOutputNorm?: NormLayer;
  /** Whether both branches read the same `attentionNorm(x)` and are added together. */
  readonly parallel?: boolean;
}

export interface AttentionLayer {
  readonly path: string;
  readonly projections: Projections;
  readonly output: LinearLayer;
  /** The norms of queries and keys before the rotary embedding: over each head, or over all heads as one vector. */
  readonly queryKeyNorm?: { readonly over: 'head' | 'all'; readonly query: NormLayer; readonly key: NormLayer };
  /** The rotary embedding. undefined: the layer has none. */
  readonly rope?: RopeConfig;
  /** The factor of the products of queries and keys. */
  readonly scale: number;
  /** The soft cap c of the scores, applied before the mask: c·tanh(x / c). */
  readonly softcap?: number;
  /** The number of tokens to which a token attends, including itself. undefined: all tokens before it and itself. */
  readonly window?: number;
}

/** The layers of queries, keys and values: three matrices, or one that holds them side by side in this order. */
export type Projections =
  | { readonly kind: 'separate'; readonly query: LinearLayer; readonly key: LinearLayer; readonly value: LinearLayer }
  | { readonly kind: 'packed'; readonly packed: LinearLayer };
