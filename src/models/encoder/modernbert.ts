import { z } from 'zod';
import { ropeOf, ropeParameters, type RopeParameters } from '../decoder/families/read-rope.ts';
import type { RopeConfig } from '../decoder/rope.ts';
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
import { ropeContext } from './read-rope.ts';

const modernBertJson = z.looseObject({
  model_type: z.string(),
  vocab_size: positiveInteger.default(50_368),
  hidden_size: positiveInteger.default(768),
  // WHY a limit: a description of each layer is built before any weight is looked up.
  num_hidden_layers: positiveInteger.max(10_000).default(22),
  num_attention_heads: positiveInteger.default(12),
  intermediate_size: positiveInteger.default(1152),
  hidden_activation: z.string().default('gelu'),
  max_position_embeddings: positiveInteger.default(8192),
  norm_eps: z.number().positive().default(1e-5),
  norm_bias: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  pad_token_id: z.number().int().nonnegative().nullish(),
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).nullish(),
  global_attn_every_n_layers: positiveInteger.default(3),
  local_attention: positiveInteger.default(128),
  rope_parameters: z
    .looseObject({ full_attention: ropeParameters.nullish(), sliding_attention: ropeParameters.nullish() })
    .nullish(),
  rope_scaling: ropeParameters.nullish(),
  global_rope_theta: z.number().positive().default(160_000),
  local_rope_theta: z.number().positive().nullable().default(10_000),
  classifier_pooling: z.enum(['cls', 'mean']).default('cls'),
  classifier_bias: z.boolean().default(false),
  classifier_activation: z.string().default('gelu'),
});

/** The fields that the network needs beyond the sizes of every encoder. */
interface ModernBertConfig extends EncoderConfig {
  readonly bias: { readonly norm: boolean; readonly attention: boolean; readonly mlp: boolean };
  /** For each layer: its rotation, and its window where it has one. */
  readonly attentions: readonly { readonly rope: RopeConfig; readonly window?: number }[];
  readonly classifier: Pick<HeadLayer, 'activation'> & { readonly reads: 'first' | 'mean'; readonly bias: boolean };
}

/**
 * ModernBERT: norms before the branches and none before the first, rotary positions, a gated feed-forward part, and windows in most
 * layers. Layers with a window have a rotary base of their own.
 */
export const modernBert: EncoderFamily = {
  modelTypes: ['modernbert'],
  classifier: 'ModernBertForSequenceClassification',
  prefix: 'model.',
  sameTokenHead: true,
  read(json, path) {
    const config = readConfig(json, path);
    return { config, network: (options) => network(config, options) };
  },
};

function network(config: ModernBertConfig, { prefix, labels }: NetworkOptions): EncoderNetwork {
  const { hiddenSize: hidden, bias, classifier } = config;
  const norm = { bias: bias.norm };
  return {
    embeddings: {
      path: `${prefix}embeddings`,
      width: hidden,
      words: `${prefix}embeddings.tok_embeddings`,
      positions: undefined,
      tokenTypes: undefined,
      norm: normLayer(`${prefix}embeddings.norm`, config, norm),
      numbering: 'counted',
    },
    layers: config.attentions.map((_, i) => layerOf(config, `${prefix}layers.${i}`, i)),
    finalNorm: normLayer(`${prefix}final_norm`, config, norm),
    headReads: classifier.reads,
    head:
      labels === 0
        ? []
        : [
            {
              linear: linearLayer('head.dense', hidden, hidden, classifier.bias),
              activation: classifier.activation,
              norm: normLayer('head.norm', config, norm),
            },
            { linear: linearLayer('classifier', hidden, labels), activation: 'none' },
          ],
  };
}

function layerOf(config: ModernBertConfig, path: string, index: number): EncoderLayer {
  const { hiddenSize: hidden, intermediateSize: intermediate, bias, attentions } = config;
  const norm = { bias: bias.norm };
  return {
    path: `${path}.attn`,
    projections: [linearLayer(`${path}.attn.Wqkv`, hidden, 3 * hidden, bias.attention)],
    output: linearLayer(`${path}.attn.Wo`, hidden, hidden, bias.attention),
    ...attentions[index],
    norms: 'before',
    attentionNorm: index === 0 ? undefined : normLayer(`${path}.attn_norm`, config, norm),
    mlp: {
      kind: 'packed',
      path: `${path}.mlp`,
      activation: config.activation,
      gateUp: linearLayer(`${path}.mlp.Wi`, hidden, 2 * intermediate, bias.mlp),
      down: linearLayer(`${path}.mlp.Wo`, intermediate, hidden, bias.mlp),
    },
    norm: normLayer(`${path}.mlp_norm`, config, norm),
  };
}

function readConfig(json: unknown, path: string): ModernBertConfig {
  const fields = parseWith(modernBertJson, json, path);
  const headDim = readHeadSize(fields.hidden_size, fields.num_attention_heads, path);
  const context = { path, headDim, maxPositions: fields.max_position_embeddings };
  const rope = (given: RopeParameters | null | undefined, theta: number): RopeConfig =>
    ropeContext(context, (each) => ropeOf({ rope_theta: theta, ...fields.rope_scaling, ...given }, each));
  const { full_attention: full, sliding_attention: sliding } = fields.rope_parameters ?? {};
  const { global_rope_theta: theta, local_rope_theta: localTheta } = fields;
  const whole = { rope: rope(full, theta) };
  // Half of the width lies on either side.
  const local = { rope: rope(sliding, localTheta ?? theta), window: Math.trunc(fields.local_attention / 2) };
  return {
    kind: 'encoder',
    family: fields.model_type,
    vocabSize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    kvHeads: fields.num_attention_heads,
    headDim,
    intermediateSize: fields.intermediate_size,
    activation: readActivation(fields.hidden_activation, path),
    normEpsilon: fields.norm_eps,
    maxPositions: fields.max_position_embeddings,
    positionRows: 0,
    tokenTypes: 0,
    padTokenId: fields.pad_token_id ?? 50_283,
    bias: { norm: fields.norm_bias, attention: fields.attention_bias, mlp: fields.mlp_bias },
    attentions: layerTypes(fields, path).map((type) => (type === 'full_attention' ? whole : local)),
    classifier: {
      reads: fields.classifier_pooling === 'mean' ? 'mean' : 'first',
      bias: fields.classifier_bias,
      activation: readActivation(fields.classifier_activation, path),
    },
  };
}

type LayerType = 'full_attention' | 'sliding_attention';

function layerTypes(fields: z.infer<typeof modernBertJson>, path: string): readonly LayerType[] {
  const { layer_types: given, num_hidden_layers: count, global_attn_every_n_layers: every } = fields;
  if (!given)
    return Array.from({ length: count }, (_, i) => (i % every === 0 ? 'full_attention' : 'sliding_attention'));
  if (given.length === count) return given;
  const supported = `as many as layers, which are ${count}`;
  return refuseFeature(path, { feature: 'layer_types', value: `${given.length} types`, supported });
}
