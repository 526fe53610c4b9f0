import { z } from 'zod';
import { parseWith } from '../parse-with.ts';
import {
  linearLayer,
  normLayer,
  type EncoderConfig,
  type EncoderFamily,
  type EncoderLayer,
  type EncoderNetwork,
} from './encoder-config.ts';
import { readActivation, readHeadSize, refuseFeature } from './read-fields.ts';

const positive = z
  .number()
  .int()
  .positive()
  .max(2 ** 31 - 1);

const bertJson = z.looseObject({
  model_type: z.string(),
  vocab_size: positive,
  hidden_size: positive,
  // WHY a limit: a description of each layer is built before any weight is looked up.
  num_hidden_layers: positive.max(10_000),
  num_attention_heads: positive,
  intermediate_size: positive,
  hidden_act: z.string().default('gelu'),
  max_position_embeddings: positive.default(512),
  type_vocab_size: positive.default(2),
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
  readConfig: (json, path) => readBertConfig(json, path),
  network: (config, { prefix, labels }) => ({
    ...bertNetwork(config, { prefix, numbering: 'counted' }),
    head:
      labels === 0
        ? []
        : [
            { linear: linearLayer(`${prefix}pooler.dense`, config.hiddenSize, config.hiddenSize), activation: 'tanh' },
            { linear: linearLayer('classifier', config.hiddenSize, labels), activation: 'none' },
          ],
  }),
};

/** The fields in the config.json of BERT and of the families derived from it. */
export function readBertConfig(json: unknown, path: string): EncoderConfig {
  const fields = parseWith(bertJson, json, path);
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

/** The encoder without its head. RoBERTa uses the same. */
export function bertNetwork(
  config: EncoderConfig,
  { prefix, numbering }: { prefix: string; numbering: EncoderNetwork['embeddings']['numbering'] },
): Omit<EncoderNetwork, 'head'> {
  const path = `${prefix}embeddings`;
  return {
    embeddings: {
      path,
      words: `${path}.word_embeddings`,
      positions: `${path}.position_embeddings`,
      tokenTypes: `${path}.token_type_embeddings`,
      norm: normLayer(`${path}.LayerNorm`, config),
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
    query: linearLayer(`${attention}.self.query`, hidden, hidden),
    key: linearLayer(`${attention}.self.key`, hidden, hidden),
    value: linearLayer(`${attention}.self.value`, hidden, hidden),
    output: linearLayer(`${attention}.output.dense`, hidden, hidden),
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
