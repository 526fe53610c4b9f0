import type { ModelConfig } from '../base-model.ts';
import type { LinearLayer } from '../graph/linear.ts';
import type { MlpLayer } from '../graph/mlp.ts';
import type { NormLayer } from '../graph/norm.ts';
import type { RopeConfig } from './rope.ts';

/**
 * A decoder as data: all that its graphs depend on, whatever its family. A family's file makes one from a config.json, and nothing
 * behind it asks for the family any more.
 */
export interface DecoderConfig extends ModelConfig {
  readonly kind: 'decoder';
  /** Query heads; `heads / kvHeads` of them share a head of keys and values. */
  readonly heads: number;
  readonly intermediateSize: number;
  /** Path of the token embedding. */
  readonly embedding: string;
  /** What its rows are multiplied by. */
  readonly embeddingScale: number;
  /** A table of learned positions that is added to the embedding. */
  readonly learnedPositions?: { readonly path: string; readonly count: number };
  readonly blocks: readonly DecoderBlock[];
  /** What each branch is multiplied by before it is added to the residual stream. */
  readonly residualScale: number;
  readonly lastNorm: NormLayer;
  readonly head: LinearLayer;
  /** What logits are multiplied by. */
  readonly logitScale: number;
  /** Logits are kept within ±c by c·tanh(x / c). */
  readonly logitSoftcap?: number;
}

/**
 * One block. In the order of the computation, norms where the family has them:
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
  /** Both branches read the same `attentionNorm(x)`, and are added together. */
  readonly parallel?: boolean;
}

export interface AttentionLayer {
  readonly path: string;
  readonly projections: Projections;
  readonly output: LinearLayer;
  /** Norms of queries and keys before they are turned: of each head alone, or of all heads as one vector. */
  readonly queryKeyNorm?: { readonly over: 'head' | 'all'; readonly query: NormLayer; readonly key: NormLayer };
  /** How heads are turned by their positions; undefined: not at all. */
  readonly rope?: RopeConfig;
  /** What products of queries and keys are multiplied by. */
  readonly scale: number;
  /** Scores are kept within ±c by c·tanh(x / c), before the mask. */
  readonly softcap?: number;
  /** How many tokens a token sees, itself included; undefined: all before it. */
  readonly window?: number;
}

/** Queries, keys and values by three matrices, or by one that has them side by side in this order. */
export type Projections =
  | { readonly kind: 'separate'; readonly query: LinearLayer; readonly key: LinearLayer; readonly value: LinearLayer }
  | { readonly kind: 'packed'; readonly packed: LinearLayer };
