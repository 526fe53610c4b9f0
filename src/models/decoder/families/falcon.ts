import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { LinearLayer } from '../../graph/linear.ts';
import type { NormLayer } from '../../graph/norm.ts';
import { parseWith } from '../../parse-with.ts';
import type { AttentionLayer, DecoderBlock } from '../decoder-config.ts';
import type { RopeConfig } from '../rope.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { flag, layerCount, optional, positiveInteger } from './fields.ts';
import { reachOf, readRope, ropeFields } from './read-rope.ts';

const own = z.looseObject({
  vocab_size: optional(positiveInteger, 65024),
  hidden_size: optional(positiveInteger, 4544),
  n_embed: positiveInteger.nullish(),
  num_hidden_layers: optional(layerCount, 32),
  num_attention_heads: optional(positiveInteger, 71),
  num_kv_heads: positiveInteger.nullish(),
  num_ln_in_parallel_attn: positiveInteger.max(2).nullish(),
  ffn_hidden_size: positiveInteger.nullish(),
  max_position_embeddings: optional(positiveInteger, 2048),
  layer_norm_epsilon: optional(z.number().positive(), 1e-5),
  activation: optional(z.string(), 'gelu'),
  alibi: flag(),
  new_decoder_architecture: flag(),
  multi_query: flag(true),
  parallel_attn: flag(true),
  bias: flag(),
  tie_word_embeddings: flag(true),
});

type Fields = z.infer<typeof own>;

interface Shape {
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Falcon 7B, 40B and 180B, and Falcon-RW: one matrix for queries, keys and values; parallel branches; ALiBi in some. */
export const falcon: DecoderFamily = {
  modelType: 'falcon',
  architecture: 'FalconForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const fields = parseWith(own, json, path);
    const shape = shapeOf(fields, path);
    const positions = fields.max_position_embeddings;
    const context = { features, path, headDim: shape.headDim, maxPositions: positions, defaultTheta: 10000 };
    const rope = fields.alibi ? undefined : readRope(parseWith(ropeFields, json, path), context);
    const activation = features.activation('activation', fields.activation);
    refuseMixtures(fields, features);
    features.check();
    const layers = fields.num_hidden_layers;
    const parts = { fields, shape, rope, activation };
    return {
      kind: 'decoder',
      family: 'falcon',
      vocabSize: fields.vocab_size,
      hiddenSize: shape.hidden,
      intermediateSize: shape.inner,
      layers,
      heads: shape.heads,
      kvHeads: shape.kvHeads,
      headDim: shape.headDim,
      maxPositions: rope ? reachOf(rope, positions) : positions,
      embedding: 'transformer.word_embeddings',
      embeddingScale: 1,
      blocks: Array.from({ length: layers }, (_, index) => blockOf(`transformer.h.${index}`, parts)),
      residualScale: 1,
      lastNorm: normOf('transformer.ln_f', parts),
      head: {
        path: 'lm_head',
        in: shape.hidden,
        out: fields.vocab_size,
        bias: false,
        ...(fields.tie_word_embeddings && { weight: 'transformer.word_embeddings.weight' }),
      },
      logitScale: 1,
    };
  },
};

function shapeOf(fields: Fields, path: string): Shape {
  const hidden = fields.n_embed ?? fields.hidden_size;
  const heads = fields.num_attention_heads;
  const headDim = hidden / heads;
  const shared = fields.new_decoder_architecture ? (fields.num_kv_heads ?? heads) : 1;
  const kvHeads = !fields.new_decoder_architecture && !fields.multi_query ? heads : shared;
  const problems = [
    ...(Number.isInteger(headDim) ? [] : [`hidden_size ${hidden} cannot be divided among ${heads} heads`]),
    ...(heads % kvHeads === 0 ? [] : [`${heads} attention heads cannot share ${kvHeads} key-value heads evenly`]),
  ];
  if (problems.length > 0) throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems: problems.join('; ') });
  return { hidden, inner: fields.ffn_hidden_size ?? 4 * hidden, heads, kvHeads, headDim };
}

/** transformers looks for norms that it has not made, if the settings do not go together. */
function refuseMixtures(fields: Fields, features: Features): void {
  const { new_decoder_architecture: isNew, parallel_attn: parallel, num_ln_in_parallel_attn: norms } = fields;
  if (isNew && !parallel) features.refuse('parallel_attn', false, 'true with new_decoder_architecture');
  if (!isNew && parallel && norms === 2)
    features.refuse('num_ln_in_parallel_attn', 2, '1 without new_decoder_architecture');
}

interface Parts {
  readonly fields: Fields;
  readonly shape: Shape;
  readonly rope: RopeConfig | undefined;
  readonly activation: NonNullable<DecoderBlock['mlp']>['activation'];
}

function blockOf(path: string, parts: Parts): DecoderBlock {
  const { fields, shape, activation } = parts;
  const isNew = fields.new_decoder_architecture;
  const parallel = isNew || fields.parallel_attn;
  const twoNorms = isNew && (fields.num_ln_in_parallel_attn ?? 2) === 2;
  const mlpNorm = twoNorms ? 'ln_mlp' : 'post_attention_layernorm';
  return {
    path,
    attentionNorm: normOf(`${path}.${twoNorms ? 'ln_attn' : 'input_layernorm'}`, parts),
    attention: attentionOf(`${path}.self_attention`, parts),
    ...((twoNorms || !parallel) && { mlpNorm: normOf(`${path}.${mlpNorm}`, parts) }),
    mlp: {
      path: `${path}.mlp`,
      activation,
      kind: 'plain',
      up: linearOf(`${path}.mlp.dense_h_to_4h`, [shape.hidden, shape.inner], parts),
      down: linearOf(`${path}.mlp.dense_4h_to_h`, [shape.inner, shape.hidden], parts),
    },
    ...(parallel && { parallel }),
  };
}

function attentionOf(path: string, parts: Parts): AttentionLayer {
  const { fields, shape, rope } = parts;
  const { hidden, heads, kvHeads, headDim } = shape;
  const width = (heads + 2 * kvHeads) * headDim;
  return {
    path,
    projections: {
      kind: 'packed',
      packed: linearOf(`${path}.query_key_value`, [hidden, width], parts),
      grouped: true,
    },
    output: linearOf(`${path}.dense`, [hidden, hidden], parts),
    ...(rope && { rope }),
    ...(fields.alibi && { alibi: true }),
    scale: 1 / Math.sqrt(headDim),
  };
}

function normOf(path: string, { fields, shape }: Pick<Parts, 'fields' | 'shape'>): NormLayer {
  return { path, kind: 'layer', width: shape.hidden, epsilon: fields.layer_norm_epsilon, offset: 0 };
}

function linearOf(
  path: string,
  [width, out]: readonly [number, number],
  { fields }: Pick<Parts, 'fields'>,
): LinearLayer {
  return { path, in: width, out, bias: fields.bias };
}
