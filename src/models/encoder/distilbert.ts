import { z } from 'zod';
import { parseWith } from '../parse-with.ts';
import {
  linearLayer,
  normLayer,
  type EncoderConfig,
  type EncoderFamily,
  type EncoderLayer,
  type EncoderNetwork,
  type NetworkOptions,
} from './encoder-config.ts';
import { readActivation, readHeadSize } from './read-fields.ts';
import { positiveInteger } from '../decoder/families/fields.ts';

const distilbertJson = z.looseObject({
  model_type: z.string(),
  vocab_size: positiveInteger.default(30_522),
  dim: positiveInteger.default(768),
  // WHY a limit: a description of each layer is built before any weight is looked up.
  n_layers: positiveInteger.max(10_000).default(6),
  n_heads: positiveInteger.default(12),
  hidden_dim: positiveInteger.default(3072),
  activation: z.string().default('gelu'),
  max_position_embeddings: positiveInteger.default(512),
  pad_token_id: z.number().int().nonnegative().nullish(),
});

/** DistilBERT: BERT without token types and pooler, under names of its own. */
export const distilbert: EncoderFamily = {
  modelTypes: ['distilbert'],
  classifier: 'DistilBertForSequenceClassification',
  prefix: 'distilbert.',
  read(json, path) {
    const config = readConfig(json, path);
    return { config, network: (options) => network(config, options) };
  },
};

function readConfig(json: unknown, path: string): EncoderConfig {
  const fields = parseWith(distilbertJson, json, path);
  return {
    kind: 'encoder',
    family: fields.model_type,
    vocabSize: fields.vocab_size,
    hiddenSize: fields.dim,
    layers: fields.n_layers,
    heads: fields.n_heads,
    kvHeads: fields.n_heads,
    headDim: readHeadSize(fields.dim, fields.n_heads, path),
    intermediateSize: fields.hidden_dim,
    activation: readActivation(fields.activation, path),
    normEpsilon: 1e-12,
    maxPositions: fields.max_position_embeddings,
    positionRows: fields.max_position_embeddings,
    tokenTypes: 0,
    padTokenId: fields.pad_token_id ?? 0,
  };
}

function network(config: EncoderConfig, { prefix, labels }: NetworkOptions): EncoderNetwork {
  return {
    embeddings: {
      path: `${prefix}embeddings`,
      width: config.hiddenSize,
      words: `${prefix}embeddings.word_embeddings`,
      positions: `${prefix}embeddings.position_embeddings`,
      tokenTypes: undefined,
      norm: normLayer(`${prefix}embeddings.LayerNorm`, config),
      numbering: 'counted',
    },
    layers: Array.from({ length: config.layers }, (_, i) => layer(config, `${prefix}transformer.layer.${i}`)),
    head:
      labels === 0
        ? []
        : [
            { linear: linearLayer('pre_classifier', config.hiddenSize, config.hiddenSize), activation: 'relu' },
            { linear: linearLayer('classifier', config.hiddenSize, labels), activation: 'none' },
          ],
  };
}

function layer(config: EncoderConfig, path: string): EncoderLayer {
  const { hiddenSize: hidden, intermediateSize: intermediate } = config;
  return {
    path: `${path}.attention`,
    projections: [
      linearLayer(`${path}.attention.q_lin`, hidden, hidden),
      linearLayer(`${path}.attention.k_lin`, hidden, hidden),
      linearLayer(`${path}.attention.v_lin`, hidden, hidden),
    ],
    output: linearLayer(`${path}.attention.out_lin`, hidden, hidden),
    norms: 'after',
    attentionNorm: normLayer(`${path}.sa_layer_norm`, config),
    mlp: {
      kind: 'plain',
      path: `${path}.ffn`,
      activation: config.activation,
      up: linearLayer(`${path}.ffn.lin1`, hidden, intermediate),
      down: linearLayer(`${path}.ffn.lin2`, intermediate, hidden),
    },
    norm: normLayer(`${path}.output_layer_norm`, config),
  };
}
