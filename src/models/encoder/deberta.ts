import { z } from 'zod';
import { positiveInteger } from '../decoder/families/fields.ts';
import type { LinearLayer } from '../graph/linear.ts';
import { parseWith } from '../parse-with.ts';
import { bertNetwork, readBertConfig } from './bert.ts';
import {
  linearLayer,
  normLayer,
  type Convolution,
  type EncoderConfig,
  type EncoderFamily,
  type EncoderLayer,
  type EncoderNetwork,
  type HeadLayer,
  type NetworkOptions,
} from './encoder-config.ts';
import { readActivation, refuseFeature } from './read-fields.ts';

const integer = z.number().int();

const ownJson = z.looseObject({
  relative_attention: z.boolean().default(false),
  max_relative_positions: integer.default(-1),
  position_buckets: integer.default(-1),
  pos_att_type: z.union([z.string(), z.array(z.string())]).nullish(),
  share_att_key: z.boolean().default(false),
  norm_rel_ebd: z.string().default('none'),
  position_biased_input: z.boolean().default(true),
  embedding_size: positiveInteger.nullish(),
  attention_head_size: positiveInteger.nullish(),
  pooler_hidden_size: positiveInteger.nullish(),
  pooler_hidden_act: z.string().default('gelu'),
  conv_kernel_size: z.union([positiveInteger, z.literal(0)]).default(0),
  conv_groups: positiveInteger.default(1),
  conv_act: z.string().default('tanh'),
});

type OwnFields = z.output<typeof ownJson>;

/** The parts of the scores that depend on distances: contents to positions, and positions to contents. */
interface Parts {
  readonly c2p: boolean;
  readonly p2c: boolean;
}

/**
 * DeBERTa v2 and v3: the scores also compare contents with vectors of distances, which all layers share. The mDeBERTa and the large
 * models of v2 differ by their configuration only.
 */
export const debertaV2: EncoderFamily = {
  modelTypes: ['deberta-v2'],
  classifier: 'DebertaV2ForSequenceClassification',
  prefix: 'deberta.',
  languageHeads: ['lm_predictions.', 'mask_predictions.'],
  read(json, path) {
    const config = { ...readBertConfig(json, path, { type_vocab_size: 0, layer_norm_eps: 1e-7 }) };
    const fields = parseWith(ownJson, json, path);
    const parts = readParts(fields, path);
    refuseSizes(config, fields, path);
    const headActivation = hiddenActivation(fields.pooler_hidden_act, path);
    const convolution = readConvolution(config, fields, path);
    return {
      config,
      network: (options) => ({
        ...network(config, fields, { ...options, parts }),
        ...(convolution && { convolution: convolution(options.prefix) }),
        head: head(config, options, headActivation),
      }),
    };
  },
};

function network(
  config: EncoderConfig,
  fields: OwnFields,
  { prefix, parts }: NetworkOptions & { readonly parts: Parts },
): Omit<EncoderNetwork, 'head'> {
  const { hiddenSize: hidden } = config;
  const width = fields.embedding_size ?? hidden;
  const { embeddings, layers } = bertNetwork(config, { prefix, numbering: 'counted', width });
  const { norm_rel_ebd: norms, position_biased_input: biased, position_buckets: buckets } = fields;
  const farthest = fields.max_relative_positions < 1 ? config.positionRows : fields.max_relative_positions;
  const span = buckets > 0 ? buckets : farthest;
  const isNormed = norms
    .toLowerCase()
    .split('|')
    .some((each) => each.trim() === 'layer_norm');
  return {
    embeddings: {
      ...embeddings,
      positions: biased ? embeddings.positions : undefined,
      norm: normLayer(`${embeddings.path}.LayerNorm`, config),
      ...(width !== hidden && {
        projection: linearLayer(`${embeddings.path}.embed_proj`, width, hidden, false),
        projected: 'before-norm' as const,
      }),
    },
    layers: layers.map((layer) => disentangled(layer, config, { fields, parts })),
    ...(fields.relative_attention && {
      distanceVectors: {
        path: `${prefix}encoder.rel_embeddings`,
        rows: 2 * span,
        ...(isNormed && { norm: normLayer(`${prefix}encoder.LayerNorm`, config) }),
        rowOf: (offset) => rowOfDistance(-offset, { buckets, farthest, span }),
      },
    }),
  };
}

/** A layer of BERT with the names and the further matrices of DeBERTa. */
function disentangled(
  layer: EncoderLayer,
  { hiddenSize: hidden }: EncoderConfig,
  { fields, parts }: { readonly fields: OwnFields; readonly parts: Parts },
): EncoderLayer {
  const linear = (name: string): LinearLayer => linearLayer(`${layer.path}.self.${name}`, hidden, hidden);
  const [query, key, value] = [linear('query_proj'), linear('key_proj'), linear('value_proj')];
  const shared = fields.share_att_key;
  const common = {
    ...layer,
    projections: [query, key, value] as const,
    scoreParts: 1 + Number(parts.c2p) + Number(parts.p2c),
  };
  if (!fields.relative_attention) return common;
  return {
    ...common,
    distances: {
      ...(parts.c2p && { keys: shared ? key : linear('pos_key_proj') }),
      ...(parts.p2c && { queries: shared ? query : linear('pos_query_proj') }),
    },
  };
}

interface Distances {
  /** The number of groups of distances on each side; each distance has a group of its own when it is not positive. */
  readonly buckets: number;
  readonly farthest: number;
  readonly span: number;
}

/**
 * The row of the table for a distance. Half of the groups of a side hold one distance each, and the others distances that grow by a
 * factor.
 *
 * @param distance  the position of the query minus that of the key
 */
export function rowOfDistance(distance: number, { buckets, farthest, span }: Distances): number {
  const group = buckets > 0 ? groupOf(distance, buckets, farthest) : distance;
  return Math.min(Math.max(group + span, 0), 2 * span - 1);
}

/** WHY it rounds to f32 at each step: transformers does, and the result is rounded up to an integer. */
function groupOf(distance: number, buckets: number, farthest: number): number {
  const middle = Math.trunc(buckets / 2);
  const away = Math.abs(distance);
  if (away <= middle) return distance;
  const f32 = Math.fround;
  const share = f32(f32(Math.log(f32(away / middle))) / f32(Math.log(f32((farthest - 1) / middle))));
  return Math.sign(distance) * (Math.ceil(f32(share * (middle - 1))) + middle);
}

/** The head of DeBERTa lies outside the encoder. */
function head(
  { hiddenSize: hidden }: EncoderConfig,
  { labels }: NetworkOptions,
  activation: HeadLayer['activation'],
): readonly HeadLayer[] {
  if (labels === 0) return [];
  return [
    { linear: linearLayer('pooler.dense', hidden, hidden), activation },
    { linear: linearLayer('classifier', hidden, labels), activation: 'none' },
  ];
}

function readParts({ pos_att_type: given }: OwnFields, path: string): Parts {
  const names = typeof given === 'string' ? given.toLowerCase().split('|') : (given ?? []);
  const trimmed = names.map((name) => name.trim()).filter((name) => name !== '');
  const unknown = trimmed.find((name) => name !== 'c2p' && name !== 'p2c');
  if (unknown !== undefined) refuseFeature(path, { feature: 'pos_att_type', value: unknown, supported: 'c2p, p2c' });
  return { c2p: trimmed.includes('c2p'), p2c: trimmed.includes('p2c') };
}

function refuseSizes({ headDim, hiddenSize }: EncoderConfig, fields: OwnFields, path: string): void {
  const sizes = [
    ['attention_head_size', fields.attention_head_size, headDim],
    ['pooler_hidden_size', fields.pooler_hidden_size, hiddenSize],
  ] as const;
  for (const [feature, given, only] of sizes) {
    if (typeof given !== 'number' || given === only) continue;
    refuseFeature(path, { feature, value: String(given), supported: `${only} at this width` });
  }
}

function hiddenActivation(name: string, path: string): HeadLayer['activation'] {
  return name === 'tanh' ? 'tanh' : readActivation(name, path);
}

function readConvolution(
  config: EncoderConfig,
  { conv_kernel_size: kernel, conv_groups: groups, conv_act: name }: OwnFields,
  path: string,
): ((prefix: string) => Convolution) | undefined {
  if (kernel === 0) return undefined;
  if (kernel % 2 === 0) {
    refuseFeature(path, { feature: 'conv_kernel_size', value: String(kernel), supported: 'odd numbers' });
  }
  if (config.hiddenSize % groups !== 0) {
    const supported = `divisors of the width, which is ${config.hiddenSize}`;
    refuseFeature(path, { feature: 'conv_groups', value: String(groups), supported });
  }
  const activation = hiddenActivation(name, path);
  return (prefix) => ({
    path: `${prefix}encoder.conv.conv`,
    kernel,
    groups,
    activation,
    norm: normLayer(`${prefix}encoder.conv.LayerNorm`, config),
  });
}
