import type { ModelConfig } from '../base-model.ts';
import type { Activation } from '../graph/activation.ts';
import type { LinearLayer } from '../graph/linear.ts';
import type { MlpLayer } from '../graph/mlp.ts';
import type { NormLayer } from '../graph/norm.ts';

/** What the graphs need to know of an encoder, in plain numbers. */
export interface EncoderConfig extends ModelConfig {
  readonly kind: 'encoder';
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly normEpsilon: number;
  /** Rows of the table of positions; more than `maxPositions` where the first ones stand for padding. */
  readonly positionRows: number;
  /** Kinds of segments; 0 where the family knows none. */
  readonly tokenTypes: number;
  readonly padTokenId: number;
}

/** One block: attention, then the feed-forward part, each added to its input and normalized after it. */
export interface EncoderLayer {
  readonly path: string;
  readonly query: LinearLayer;
  readonly key: LinearLayer;
  readonly value: LinearLayer;
  readonly output: LinearLayer;
  readonly attentionNorm: NormLayer;
  readonly mlp: MlpLayer;
  readonly norm: NormLayer;
}

/** A step from the first token's state to the logits. */
export interface HeadLayer {
  readonly linear: LinearLayer;
  readonly activation: 'tanh' | 'relu' | 'none';
}

/** Where everything of an encoder lies in its checkpoint: the network as data. */
export interface EncoderNetwork {
  readonly embeddings: {
    readonly path: string;
    /** Paths of tables. */
    readonly words: string;
    readonly positions: string;
    readonly tokenTypes: string | undefined;
    readonly norm: NormLayer;
    /**
     * `counted`: 0, 1, 2 along the row. `from-padding`: padding keeps the row of the padding token, and the others count from the one
     * behind it.
     */
    readonly numbering: 'counted' | 'from-padding';
  };
  readonly layers: readonly EncoderLayer[];
  readonly head: readonly HeadLayer[];
}

/** A family of encoders: how to read its config.json, and where its weights lie. */
export interface EncoderFamily {
  /** `model_type` in config.json, and those of families that differ in nothing but their names. */
  readonly modelTypes: readonly string[];
  /** The class with a classification head; any other of the family's is opened for its embeddings. */
  readonly classifier: string;
  /** The path of the encoder within that class, as in `bert.encoder.layer.0`. */
  readonly prefix: string;
  /** @throws EspalierError MODEL_CONFIG_INVALID, MODEL_FEATURE_UNSUPPORTED */
  readConfig(json: unknown, path: string): EncoderConfig;
  /**
   * @param prefix  of the encoder's paths: '' or 'bert.'
   * @param labels  classes of the head; 0 where there is none
   */
  network(config: EncoderConfig, options: { readonly prefix: string; readonly labels: number }): EncoderNetwork;
}

export const linearLayer = (path: string, width: number, out: number): LinearLayer => ({
  path,
  in: width,
  out,
  bias: true,
});

export const normLayer = (path: string, { hiddenSize, normEpsilon }: EncoderConfig): NormLayer => ({
  path,
  kind: 'layer',
  width: hiddenSize,
  epsilon: normEpsilon,
  offset: 0,
});
