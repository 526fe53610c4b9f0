import { z } from 'zod';
import { parseWith } from '../parse-with.ts';
import {
  linearLayer,
  normLayer,
  type EncoderConfig,
  type EncoderFamily,
  type EncoderLayer,
  type EncoderNetwork,
  type HeadLayer,
  type NetworkOptions,
} from './encoder-config.ts';
import { readActivation, readHeadSize, refuseFeature } from './read-fields.ts';
import { positiveInteger } from '../decoder/families/fields.ts';

const bertJson = z.looseObject({
  model_type: z.string(),
  vocab_size: positiveInteger,
  hidden_size: positiveInteger,
  // WHY a limit: a description of each layer is built before any weight is looked up.
  num_hidden_layers: positiveInteger.max(10_000),
  num_attention_heads: positiveInteger,
  intermediate_size: positiveInteger,
  hidden_act: z.string().default('gelu'),
  max_position_embeddings: positiveInteger.default(512),
  type_vocab_size: positiveInteger.or(z.literal(0)).default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  pad_token_id: z.number().int().nonnegative().nullish(),
  position_embedding_type: z.string().nullish(),
  is_decoder: z.boolean().nullish(),
});

/** BERT. The classifier reads the state of the first token after `pooler.dense` and tanh. */
export const bert: EncoderFamily = {
  modelTypes: ['bert'],
  classifier: 'BertForSequenceClassification',
  prefix: 'bert.',
  read(json, path) {
    const config = readBertConfig(json, path);
    return {
      config,
      network: (options) => ({
        ...bertNetwork(config, { ...options, numbering: 'counted' }),
        head: pooledHead(config, options),
      }),
    };
  },
};

/**
 * The fields in the config.json of BERT and of the families derived from it.
 * @param defaults  the fields that have other defaults than in BERT
 */
export function readBertConfig(
  json: unknown,
  path: string,
  defaults: Partial<z.input<typeof bertJson>> = {},
): EncoderConfig {
  const fields = parseWith(bertJson, typeof json === 'object' ? { ...defaults, ...json } : json, path);
  const positions = fields.position_embedding_type ?? 'absolute';
  if (positions !== 'absolute') {
    refuseFeature(path, { feature: 'position_embedding_type', value: positions, supported: 'absolute' });
  }
  if (fields.is_decoder === true) {
    refuseFeature(path, { feature: 'is_decoder', value: 'true', supported: 'false' });
  }
  return {
    kind: 'encoder',
    family: fields.model_type,
    vocabSize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    kvHeads: fields.num_attention_heads,
    headDim: readHeadSize(fields.hidden_size, fields.num_attention_heads, path),
    intermediateSize: fields.intermediate_size,
    activation: readActivation(fields.hidden_act, path),
    normEpsilon: fields.layer_norm_eps,
    maxPositions: fields.max_position_embeddings,
    positionRows: fields.max_position_embeddings,
    tokenTypes: fields.type_vocab_size,
    padTokenId: fields.pad_token_id ?? 0,
  };
}

export interface BertParts {
  readonly prefix: string;
  readonly numbering: EncoderNetwork['embeddings']['numbering'];
  /** The width of the tables. Default: that of the blocks. */
  readonly width?: number;
}

/** The head that BERT has: the state of the first token, `pooler.dense` and tanh, and the logits. */
export function pooledHead({ hiddenSize }: EncoderConfig, { prefix, labels }: NetworkOptions): readonly HeadLayer[] {
  if (labels === 0) return [];
  return [
    { linear: linearLayer(`${prefix}pooler.dense`, hiddenSize, hiddenSize), activation: 'tanh' },
    { linear: linearLayer('classifier', hiddenSize, labels), activation: 'none' },
  ];
}

/** The encoder without its head. RoBERTa uses the same. */
export function bertNetwork(
  config: EncoderConfig,
  { prefix, numbering, width = config.hiddenSize }: BertParts,
): Omit<EncoderNetwork, 'head'> {
  const path = `${prefix}embeddings`;
  return {
    embeddings: {
      path,
      width,
      words: `${path}.word_embeddings`,
      positions: `${path}.position_embeddings`,
      tokenTypes: config.tokenTypes === 0 ? undefined : `${path}.token_type_embeddings`,
      norm: normLayer(`${path}.LayerNorm`, config, { width }),
      numbering,
    },
    layers: Array.from({ length: config.layers }, (_, i) => bertLayer(config, `${prefix}encoder.layer.${i}`)),
  };
}

function bertLayer(config: EncoderConfig, path: string): EncoderLayer {
  const { hiddenSize: hidden, intermediateSize: intermediate } = config;
  const attention = `${path}.attention`;
  return {
    path: attention,
    projections: [
      linearLayer(`${attention}.self.query`, hidden, hidden),
      linearLayer(`${attention}.self.key`, hidden, hidden),
      linearLayer(`${attention}.self.value`, hidden, hidden),
    ],
    output: linearLayer(`${attention}.output.dense`, hidden, hidden),
    norms: 'after',
    attentionNorm: normLayer(`${attention}.output.LayerNorm`, config),
    mlp: {
      kind: 'plain',
      path,
      activation: config.activation,
      up: linearLayer(`${path}.intermediate.dense`, hidden, intermediate),
      down: linearLayer(`${path}.output.dense`, intermediate, hidden),
    },
    norm: normLayer(`${path}.output.LayerNorm`, config),
  };
}
