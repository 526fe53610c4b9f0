import type { ModelConfig } from '../base-model.ts';
import type { Activation } from '../graph/activation.ts';
import type { LinearLayer } from '../graph/linear.ts';
import type { MlpLayer } from '../graph/mlp.ts';
import type { NormLayer } from '../graph/norm.ts';
import type { RopeConfig } from '../decoder/rope.ts';

/** The sizes of an encoder that its graphs need. */
export interface EncoderConfig extends ModelConfig {
  readonly kind: 'encoder';
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly normEpsilon: number;
  /** Rows of the table of positions. There are more than `maxPositions` when the first rows are for padding. */
  readonly positionRows: number;
  /** The number of token types; 0 when the family has none. */
  readonly tokenTypes: number;
  readonly padTokenId: number;
}

/** One block: attention and then the feed-forward part. Each is added to its input. */
export interface EncoderLayer {
  readonly path: string;
  /** Queries, keys and values: three layers, or one whose result contains the three one after the other. */
  readonly projections: readonly [LinearLayer, LinearLayer, LinearLayer] | readonly [LinearLayer];
  readonly output: LinearLayer;
  /** How positions rotate queries and keys. Default: not at all. */
  readonly rope?: RopeConfig;
  /** The largest distance over which a token attends to another. Default: any. */
  readonly window?: number;
  /** Whether the norms are applied to the sums, or to what goes into the attention and into the feed-forward part. */
  readonly norms: 'after' | 'before';
  /** undefined: this norm is left out */
  readonly attentionNorm: NormLayer | undefined;
  readonly mlp: MlpLayer;
  readonly norm: NormLayer;
  /** The products of queries and keys are divided by sqrt(scoreParts · headDim). Default: 1. */
  readonly scoreParts?: number;
  /** The layers that make keys and queries of the network's vectors of distances. They may be those of the tokens. */
  readonly distances?: { readonly keys?: LinearLayer; readonly queries?: LinearLayer };
}

/** One step between the pooled state of a row and the logits. */
export interface HeadLayer {
  readonly linear: LinearLayer;
  readonly activation: Activation | 'tanh' | 'none';
  /** Applied after the activation. */
  readonly norm?: NormLayer;
}

/** Biases of the scores that depend on the distance of two tokens, the same in all layers: a table [buckets, heads]. */
export interface DistanceBias {
  /** The path of the table. */
  readonly path: string;
  readonly buckets: number;
  /** The number of the row for keys that are `offset` positions behind the query; negative before it. */
  bucketOf(offset: number): number;
}

/** Vectors of distances, the same in all layers, which the scores compare with queries and keys: a table [rows, hidden]. */
export interface DistanceVectors {
  /** The path of the table. */
  readonly path: string;
  readonly rows: number;
  /** Applied to the table. */
  readonly norm?: NormLayer;
  /** The row for keys that are `offset` positions behind the query; negative before it. */
  rowOf(offset: number): number;
}

/**
 * A convolution over the positions of the embeddings, whose result is added to that of the first layer:
 *
 *   norm(layer(x) + activation(conv(x)))
 */
export interface Convolution {
  /** The path of the weights: [hidden, hidden / groups, kernel] and a bias. */
  readonly path: string;
  /** An odd number of positions. */
  readonly kernel: number;
  readonly groups: number;
  readonly activation: HeadLayer['activation'];
  readonly norm: NormLayer;
}

/** The network of an encoder as data: its parts, and their paths in the checkpoint. */
export interface EncoderNetwork {
  readonly embeddings: {
    readonly path: string;
    /** The width of the tables. */
    readonly width: number;
    /** Paths of tables. */
    readonly words: string;
    readonly positions: string | undefined;
    readonly tokenTypes: string | undefined;
    readonly norm: NormLayer;
    /**
     * `counted`: positions are 0, 1, 2, ... along the row. `from-padding`: padding has the row of the padding token, and the other
     * tokens count from the next row.
     */
    readonly numbering: 'counted' | 'from-padding';
    /** Leads from the width of the tables to the width of the blocks. */
    readonly projection?: LinearLayer;
    /** Whether the norm comes before the projection or after it. Default: `after-norm`. */
    readonly projected?: 'before-norm' | 'after-norm';
  };
  readonly distanceBias?: DistanceBias;
  readonly distanceVectors?: DistanceVectors;
  readonly convolution?: Convolution;
  /** A description may be in the list more than once: these blocks share their weights. */
  readonly layers: readonly EncoderLayer[];
  readonly finalNorm?: NormLayer;
  readonly head: readonly HeadLayer[];
  /** The state that the head reads: that of the first token, the mean of the tokens that the mask counts, or that of each token. Default: `first`. */
  readonly headReads?: 'first' | 'mean' | 'tokens';
}

/** A family of encoders. It says how to read the config.json and where the weights are in the checkpoint. */
export interface EncoderFamily {
  /** The values of `model_type` in config.json: that of the family, and those of families that are the same network. */
  readonly modelTypes: readonly string[];
  /** The class with a classification head. Other classes of the family are opened for embeddings. */
  readonly classifier: string;
  /** The path of the encoder within that class, as in `bert.encoder.layer.0`. */
  readonly prefix: string;
  /** Whether its head for tokens is the one for rows. Default: it is one layer, `classifier`. */
  readonly sameTokenHead?: boolean;
  /** The beginnings of the names of heads for masked language models, beside those of all families. */
  readonly languageHeads?: readonly string[];
  /** Translates names of tensors in files, without the prefix, to those of the modules. */
  readonly rename?: (name: string) => string;
  /** Names the matrices that a tensor of the files consists of, one below the other. @param name  after `rename` */
  readonly unpack?: (name: string) => readonly string[] | undefined;
  /** @throws EspalierError MODEL_CONFIG_INVALID, MODEL_FEATURE_UNSUPPORTED */
  read(json: unknown, path: string): EncoderDescription;
}

/** What a config.json says of an encoder. */
export interface EncoderDescription {
  readonly config: EncoderConfig;
  /**
   * @param prefix  the prefix of the paths of the encoder: '' or 'bert.'
   * @param labels  the number of classes of the head; 0 when there is no head
   */
  network(options: NetworkOptions): EncoderNetwork;
}

export interface NetworkOptions {
  readonly prefix: string;
  readonly labels: number;
}

export const linearLayer = (path: string, width: number, out: number, bias = true): LinearLayer => ({
  path,
  in: width,
  out,
  bias,
});

export const normLayer = (
  path: string,
  { hiddenSize, normEpsilon }: EncoderConfig,
  { width = hiddenSize, bias = true } = {},
): NormLayer => ({
  path,
  kind: 'layer',
  width,
  epsilon: normEpsilon,
  offset: 0,
  ...(!bias && { parameters: 'weight' }),
});
