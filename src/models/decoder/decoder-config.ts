import type { ModelConfig } from '../base-model.ts';
import type { Activation } from '../graph/activation.ts';
import type { LinearLayer } from '../graph/linear.ts';
import type { FeedForward } from '../graph/mixture.ts';
import type { NormLayer } from '../graph/norm.ts';
import type { RecurrentLayer } from '../graph/recurrent/recurrent-layer.ts';
import type { LatentProjections } from './latent-projections.ts';
import type { RopeConfig } from './rope.ts';

/**
 * The description of a decoder: everything on which its graphs depend. The file of a family creates it from a config.json. The
 * builders of graphs read this description only and do not know the family.
 */
export interface DecoderConfig extends ModelConfig {
  readonly kind: 'decoder';
  /** The number of query heads. `heads / kvHeads` of them share one head of keys and values. */
  readonly heads: number;
  /** The size of a head of values. Default: that of queries and keys. */
  readonly valueDim?: number;
  readonly intermediateSize: number;
  /** The number of further layers in checkpoints, which predict tokens beyond the next one. They are not used. */
  readonly furtherLayers?: number;
  /** The path of the token embedding. */
  readonly embedding: string;
  /** The factor of the embedded tokens. */
  readonly embeddingScale: number;
  /** The width of the embedded tokens when it is not the hidden size, and the layers that change between the two. */
  readonly narrowEmbedding?: { readonly width: number; readonly widen: LinearLayer; readonly narrow: LinearLayer };
  /** The table of learned positions, which is added to the embedding. Position 0 is the row `offset` of the table. */
  readonly learnedPositions?: { readonly path: string; readonly count: number; readonly offset?: number };
  /** Further vectors of each token, one for each block. */
  readonly perLayer?: PerLayerInputs;
  readonly blocks: readonly DecoderBlock[];
  /** The factor of each branch before it is added to the residual stream. */
  readonly residualScale: number;
  readonly lastNorm?: NormLayer;
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
 *
 * A recurrent layer stands in the place of attention, or beside it: then both results are added. A part that is absent is omitted with
 * its sum.
 *
 * Then come, where it has them, its branch of the further vectors of tokens, and a scale.
 */
export interface DecoderBlock {
  readonly path: string;
  readonly attentionNorm?: NormLayer;
  readonly attention?: AttentionLayer;
  readonly recurrent?: RecurrentLayer;
  readonly mixerScales?: MixerScales;
  readonly attentionOutputNorm?: NormLayer;
  readonly mlpNorm?: NormLayer;
  readonly mlp?: FeedForward;
  readonly mlpOutputNorm?: NormLayer;
  /** Whether both branches read x and are added together. Without a norm of its own, the feed-forward part reads `attentionNorm(x)`. */
  readonly parallel?: boolean;
  /** Norms of the residual stream itself, after each of the two sums. */
  readonly sumNorms?: { readonly attention: NormLayer; readonly mlp: NormLayer };
  /** Reads the vectors of this block in `PerLayerInputs`. */
  readonly perLayer?: PerLayerBranch;
  /** The name of a tensor [1] by which the result of the block is multiplied. */
  readonly outputScale?: string;
}

/** Factors of what attention and the recurrent layer of a block read, and of what their output layers give. */
export interface MixerScales {
  readonly attention: { readonly input: number; readonly output: number };
  readonly recurrent: { readonly input: number; readonly output: number };
}

/**
 * The further vectors p of each token, [blocks, width], from its id and from its embedding e:
 *
 *   p = (tableScale·table[id] + norm(projectionScale·projection(e))) / √2
 */
export interface PerLayerInputs {
  readonly width: number;
  /** The path of the table [rows, blocks·width]. */
  readonly table: string;
  readonly rows: number;
  readonly tableScale: number;
  readonly projection: LinearLayer;
  readonly projectionScale: number;
  /** Over the vector of each block. */
  readonly norm: NormLayer;
}

/** A branch of a block with its further vector p of each token: x ← x + norm(projection(activation(gate(x)) ∘ p)). */
export interface PerLayerBranch {
  readonly path: string;
  readonly gate: LinearLayer;
  readonly activation: Activation;
  readonly projection: LinearLayer;
  readonly norm: NormLayer;
}

export interface AttentionLayer {
  readonly path: string;
  readonly projections: Projections;
  readonly output: LinearLayer;
  /** The number and the size of key heads, if they are not those of the decoder. */
  readonly sizes?: KeySizes;
  /** Whether the layer of the queries gives a gate behind the query of each head: the result is multiplied with sigmoid(gate). */
  readonly gatedOutput?: boolean;
  readonly queryKeyNorm?: QueryKeyNorm;
  /** The norm of each head of values. */
  readonly valueNorm?: NormLayer;
  /** Queries, keys and values are clipped to ± this number, after the norms over all heads. */
  readonly clip?: number;
  /** The rotary embedding. undefined: the layer has none. */
  readonly rope?: RopeConfig;
  /** The factor of the products of queries and keys. */
  readonly scale: number;
  /** Adds a number to the scores that grows with the position of the key, faster in some heads than in others. */
  readonly alibi?: boolean;
  /** Queries beyond the first `length` positions grow: they are multiplied by 1 + beta·ln(1 + floor(position / length)). */
  readonly queryGrowth?: { readonly beta: number; readonly length: number };
  /** The soft cap c of the scores, applied before the mask: c·tanh(x / c). */
  readonly softcap?: number;
  /** The name of the attention sinks [heads]: one more score for each head, whose weight in the softmax no value gets. */
  readonly sinks?: string;
  /** The number of tokens to which a token attends, including itself. undefined: all tokens before it and itself. */
  readonly window?: number;
}

export interface KeySizes {
  readonly kvHeads: number;
  readonly headDim: number;
}

/** The norms of queries and keys: over each head, over each head with weights of its own, or over all heads as one vector. */
export interface QueryKeyNorm {
  readonly over: 'head' | 'own-head' | 'all';
  readonly query: NormLayer;
  readonly key: NormLayer;
  /** Whether they come after the rotary embedding instead of before it. Only norms over each head can. */
  readonly turned?: boolean;
}

/**
 * The layers of queries, keys and values: three matrices; two, where the products of the keys are the values as well; that of the
 * queries alone, where keys and values are those of an earlier block (`source`); one for all; or those of latent attention. In one matrix, all queries, all keys and all values lie side by side
 * in this order, or the queries of each key head, this key head, and its value head (`grouped`).
 */
export type Projections =
  | { readonly kind: 'separate'; readonly query: LinearLayer; readonly key: LinearLayer; readonly value: LinearLayer }
  | LatentProjections
  | { readonly kind: 'keys-as-values'; readonly query: LinearLayer; readonly key: LinearLayer }
  | { readonly kind: 'queries'; readonly query: LinearLayer; readonly source: number }
  | { readonly kind: 'packed'; readonly packed: LinearLayer; readonly grouped?: boolean };
