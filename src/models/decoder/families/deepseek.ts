import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { LinearLayer } from '../../graph/linear.ts';
import type { NormLayer } from '../../graph/norm.ts';
import { parseWith } from '../../parse-with.ts';
import type { DecoderConfig } from '../decoder-config.ts';
import type { LatentProjections, NarrowLayers } from '../latent-projections.ts';
import type { RopeConfig } from '../rope.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { nullable, optional, positiveInteger, sizesSchema, type SizeDefaults, type Sizes } from './fields.ts';
import {
  furtherLayers,
  groupedFields,
  groupedMixtures,
  type GroupedContext,
  type GroupedDefaults,
} from './grouped-mixtures.ts';
import { llamaLike } from './llama-like.ts';
import { readRope, ropeFields } from './read-rope.ts';

const own = groupedFields.extend({
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
  mlp_bias: optional(z.boolean(), false),
  rope_interleave: optional(z.boolean(), true),
  q_lora_rank: nullable(positiveInteger, 1536),
  kv_lora_rank: optional(positiveInteger, 512),
  qk_nope_head_dim: optional(positiveInteger, 128),
  qk_rope_head_dim: optional(positiveInteger, 64),
  v_head_dim: optional(positiveInteger, 128),
  topk_method: z.string().nullish(),
  scoring_func: z.string().nullish(),
});

type Fields = z.infer<typeof own>;

interface Generation {
  readonly family: string;
  readonly sizes: SizeDefaults;
  readonly defaults: GroupedDefaults;
  readonly routerOf: (fields: Fields, features: Features) => GroupedContext['router'];
  /** V2 can have biases in its feed-forward parts. It always turns neighbours, and its checkpoints have no further layers. */
  readonly isSecond: boolean;
}

/** Reads the config.json of a decoder with latent attention. */
function parseLatent(json: unknown, path: string, generation: Generation): DecoderConfig {
  const { family, sizes: sizeDefaults, defaults, routerOf, isSecond } = generation;
  const features = new Features(json, path, own);
  const fields = parseWith(own, json, path);
  const { qk_nope_head_dim: plain, qk_rope_head_dim: turned, v_head_dim: valueDim } = fields;
  const read = parseWith(sizesSchema(sizeDefaults), json, path);
  const sizes: Sizes = { ...read, headDim: plain + turned };
  if (read.kvHeads !== read.heads) {
    const problems = `num_key_value_heads is ${read.kvHeads}, but latent attention gives each of ${read.heads} heads its own`;
    throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
  }
  const given = parseWith(ropeFields, json, path);
  const interleaved = isSecond || fields.rope_interleave;
  const rope = readRope(given, { features, path, ...sizes, headDim: turned, defaultTheta: 10000, interleaved });
  const activation = features.activation('hidden_act', fields.hidden_act);
  if (!isSecond && fields.mlp_bias) features.refuse('mlp_bias', true, 'no bias in this family');
  const router = routerOf(fields, features);
  features.check();
  const bias = isSecond && fields.mlp_bias;
  const { mscale_all_dim: all } = given.rope_scaling ?? given.rope_parameters ?? {};
  return llamaLike({
    family,
    path,
    sizes,
    activation,
    layer: () => ({ rope }),
    longest: rope,
    biases: { output: fields.attention_bias, mlp: bias },
    projections: (attention) => projectionsOf(attention, fields, sizes),
    valueDim,
    scale: growth(rope, all ?? 0) ** 2 / Math.sqrt(plain + turned),
    ...(!isSecond && { furtherLayers: furtherLayers(fields) }),
    feedForward: groupedMixtures(fields, { path, ...sizes, activation, bias, defaults, router }),
  });
}

/** The factor by which YaRN enlarges queries and keys. */
function growth({ scaling }: RopeConfig, all: number): number {
  const factor = 'factor' in scaling ? scaling.factor : 1;
  return all === 0 || factor <= 1 ? 1 : 0.1 * all * Math.log(factor) + 1;
}

function projectionsOf(path: string, fields: Fields, { hiddenSize, heads }: Sizes): LatentProjections {
  const { q_lora_rank: queryRank, kv_lora_rank: rank, attention_bias: bias, v_head_dim: valueDim } = fields;
  const { qk_nope_head_dim: plain, qk_rope_head_dim: turned } = fields;
  const layer = (name: string, width: number, out: number, biased = false): LinearLayer => {
    return { path: `${path}.${name}`, in: width, out, bias: biased };
  };
  // transformers gives these norms its own epsilon, whatever that of the others is.
  const norm = (name: string, width: number): NormLayer => {
    return { path: `${path}.${name}`, kind: 'rms', width, epsilon: 1e-6, offset: 0 };
  };
  const queries = heads * (plain + turned);
  const narrow = (width: number): NarrowLayers => ({
    down: layer('q_a_proj', hiddenSize, width, bias),
    norm: norm('q_a_layernorm', width),
    up: layer('q_b_proj', width, queries),
  });
  return {
    kind: 'latent',
    query: queryRank === undefined ? layer('q_proj', hiddenSize, queries) : narrow(queryRank),
    keyValue: {
      down: layer('kv_a_proj_with_mqa', hiddenSize, rank + turned, bias),
      norm: norm('kv_a_layernorm', rank),
      up: layer('kv_b_proj', rank, heads * (plain + valueDim)),
    },
    plain,
    turned,
  };
}

/** The fields of DeepSeek-V2 that name how experts are chosen. */
function routerOfV2(
  { topk_method: method, scoring_func: scoring }: Fields,
  features: Features,
): GroupedContext['router'] {
  if ((scoring ?? 'softmax') !== 'softmax') features.refuse('scoring_func', scoring, 'softmax');
  if ((method ?? 'greedy') === 'greedy') return 'softmax';
  if (method !== 'group_limited_greedy') features.refuse('topk_method', method, 'greedy, group_limited_greedy');
  return 'softmax-groups';
}

function routerOfV3(
  { topk_method: method, scoring_func: scoring }: Fields,
  features: Features,
): GroupedContext['router'] {
  if ((scoring ?? 'sigmoid') !== 'sigmoid') features.refuse('scoring_func', scoring, 'sigmoid');
  if ((method ?? 'noaux_tc') !== 'noaux_tc') features.refuse('topk_method', method, 'noaux_tc');
  return 'corrected';
}

const v2: Omit<Generation, 'family'> = {
  sizes: {
    vocab_size: 102400,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
  },
  // The number of experts of a token has no default in transformers.
  defaults: {
    experts: 64,
    perToken: 6,
    shared: 2,
    inner: 1407,
    dense: 0,
    groups: 1,
    kept: 1,
    normalizes: false,
    scale: 1,
  },
  routerOf: routerOfV2,
  isSecond: true,
};

const v3: Omit<Generation, 'family'> = {
  sizes: {
    vocab_size: 129280,
    hidden_size: 7168,
    intermediate_size: 18432,
    num_hidden_layers: 61,
    num_attention_heads: 128,
    num_key_value_heads: 128,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
  },
  defaults: {
    experts: 256,
    perToken: 8,
    shared: 1,
    inner: 2048,
    dense: 3,
    groups: 8,
    kept: 4,
    normalizes: true,
    scale: 2.5,
  },
  routerOf: routerOfV3,
  isSecond: false,
};

/** DeepSeek-V2: latent attention, and experts that a softmax chooses. `norm_topk_prob` has no effect, as in transformers. */
export const deepseekV2: DecoderFamily = {
  modelType: 'deepseek_v2',
  architecture: 'DeepseekV2ForCausalLM',
  parse: (json, path) => parseLatent(json, path, { family: 'deepseek_v2', ...v2 }),
};

/** DeepSeek-V3 and R1, Moonlight: latent attention, and experts that sigmoids choose. */
export const deepseekV3: DecoderFamily = {
  modelType: 'deepseek_v3',
  architecture: 'DeepseekV3ForCausalLM',
  parse: (json, path) => parseLatent(json, path, { family: 'deepseek_v3', ...v3 }),
};

/** Kimi K2: DeepSeek-V3 under another name. */
export const kimiK2: DecoderFamily = {
  modelType: 'kimi_k2',
  architecture: 'DeepseekV3ForCausalLM',
  parse: (json, path) => parseLatent(json, path, { family: 'kimi_k2', ...v3 }),
};
