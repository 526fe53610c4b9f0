import type { ModelConfig } from '../base-model.ts';
import type { Activation } from '../graph/activation.ts';
import type { LinearLayer } from '../graph/linear.ts';
import type { MlpLayer } from '../graph/mlp.ts';
import type { NormLayer } from '../graph/norm.ts';

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

/** One block: attention and then the feed-forward part. Each is added to its input, and the sum is normalized. */
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

/** One step between the state of the first token and the logits. */
export interface HeadLayer {
  readonly linear: LinearLayer;
  readonly activation: 'tanh' | 'relu' | 'none';
}

/** The network of an encoder as data: its parts, and their paths in the checkpoint. */
export interface EncoderNetwork {
  readonly embeddings: {
    readonly path: string;
    /** Paths of tables. */
    readonly words: string;
    readonly positions: string;
    readonly tokenTypes: string | undefined;
    readonly norm: NormLayer;
    /**
     * `counted`: positions are 0, 1, 2, ... along the row. `from-padding`: padding has the row of the padding token, and the other
     * tokens count from the next row.
     */
    readonly numbering: 'counted' | 'from-padding';
  };
  readonly layers: readonly EncoderLayer[];
  readonly head: readonly HeadLayer[];
}

/** A family of encoders. It says how to read the config.json and where the weights are in the checkpoint. */
export interface EncoderFamily {
  /** The values of `model_type` in config.json: that of the family, and those of families that are the same network. */
  readonly modelTypes: readonly string[];
  /** The class with a classification head. Other classes of the family are opened for embeddings. */
  readonly classifier: string;
  /** The path of the encoder within that class, as in `bert.encoder.layer.0`. */
  readonly prefix: string;
  /** @throws EspalierError MODEL_CONFIG_INVALID, MODEL_FEATURE_UNSUPPORTED */
  readConfig(json: unknown, path: string): EncoderConfig;
  /**
   * @param prefix  the prefix of the paths of the encoder: '' or 'bert.'
   * @param labels  the number of classes of the head; 0 when there is no head
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
