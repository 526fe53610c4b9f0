import { EspalierError, nearest } from '../core/index.ts';
import type { ModelConfig } from './base-model.ts';
import type { DecoderConfig } from './decoder/decoder-config.ts';
import type { DecoderFamily } from './decoder/families/decoder-family.ts';
import { decoderFamilies } from './decoder/families/index.ts';

/** The sizes of a decoder to be created. Everything else is the family's default. */
export interface RandomBaseConfig extends ModelConfig {
  readonly kind: 'decoder';
  readonly intermediateSize: number;
  /** Number of query heads; `heads / kvHeads` of them share one head of keys and values. */
  readonly heads: number;
  readonly rmsNormEpsilon: number;
  readonly ropeTheta: number;
  /** Whether `lm_head` uses the matrix of the embedding. */
  readonly tiedEmbeddings: boolean;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  /** Standard deviation of the random weights. */
  readonly initializerRange: number;
}

export interface FormatOptions {
  readonly dtype: string;
  readonly generation?: { readonly bosTokenId?: number; readonly eosTokenIds: readonly number[] } | undefined;
}

/** The `config.json` of a base to be created, in the format of Hugging Face. @throws EspalierError MODEL_ARCHITECTURE_UNSUPPORTED */
export function formatRandomBase(
  config: RandomBaseConfig,
  { dtype, generation }: FormatOptions,
): Record<string, unknown> {
  const { architecture } = familyNamed(config.family);
  return {
    architectures: [architecture],
    model_type: config.family,
    vocab_size: config.vocabSize,
    ...(config.family === 'gpt2' ? gpt2Sizes(config) : sizes(config)),
    tie_word_embeddings: config.tiedEmbeddings,
    attention_bias: config.attentionBias,
    mlp_bias: config.mlpBias,
    initializer_range: config.initializerRange,
    ...(generation && { bos_token_id: generation.bosTokenId, eos_token_id: generation.eosTokenIds }),
    torch_dtype: dtype,
  };
}

function sizes(config: RandomBaseConfig): Record<string, unknown> {
  return {
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    ...(config.family.startsWith('gemma') && { query_pre_attn_scalar: config.headDim }),
    // Layers of Gemma 4 with full attention have a size of heads of their own.
    ...(config.family === 'gemma4_text' && { global_head_dim: config.headDim, hidden_size_per_layer_input: 0 }),
    // WHY: without it, gpt-oss stretches the positions by its own factor.
    ...(config.family === 'gpt_oss' && { rope_scaling: { rope_type: 'default' } }),
    max_position_embeddings: config.maxPositions,
    [epsilonNames[config.family] ?? 'rms_norm_eps']: config.rmsNormEpsilon,
    rope_theta: config.ropeTheta,
    ...(isLatent(config.family) && latentSizes(config)),
    ...(config.family === 'opt' && { ffn_dim: config.intermediateSize }),
    ...(config.family === 'falcon' && {
      ffn_hidden_size: config.intermediateSize,
      num_kv_heads: config.kvHeads,
      new_decoder_architecture: true,
    }),
    ...(/^qwen3_(next|5)/.test(config.family) && linearSizes(config)),
    ...(config.family === 'granitemoehybrid' && { ...mambaSizes(config), layer_types: alternating(config, 'mamba') }),
    ...(config.family === 'bamba' && { ...mambaSizes(config), attn_layer_indices: attentive(config) }),
    ...(config.family === 'falcon_h1' && { ...mambaSizes(config), mamba_d_ssm: null }),
    ...(config.family === 'nemotron_h' && nemotronSizes(config)),
    ...(config.family === 'lfm2_moe' && { layer_types: alternating(config, 'conv') }),
    ...(config.family === 'lfm2' && { block_auto_adjust_ff_dim: false, layer_types: alternating(config, 'conv') }),
  };
}

/** The gated delta rule has as many heads as attention, of the same size. */
function linearSizes(config: RandomBaseConfig): Record<string, unknown> {
  return {
    layer_types: alternating(config, 'linear_attention'),
    linear_num_key_heads: config.kvHeads,
    linear_num_value_heads: config.heads,
    linear_key_head_dim: config.headDim,
    linear_value_head_dim: config.headDim,
  };
}

/** Mamba 2 has as many heads as attention, over twice the hidden size. */
function mambaSizes(config: RandomBaseConfig): Record<string, unknown> {
  return { mamba_n_heads: config.heads, mamba_d_state: config.headDim, mamba_d_head: 'auto', mamba_expand: 2 };
}

/** Blocks of one layer each: as many heads of Mamba 2 as of attention, over twice the hidden size; a dense part behind each. */
function nemotronSizes({ layers, heads, hiddenSize, headDim }: RandomBaseConfig): Record<string, unknown> {
  const kinds = ['linear_attention', 'mlp', 'full_attention', 'mlp'];
  return {
    layers_block_type: Array.from({ length: layers }, (_, index) => kinds[index % kinds.length]),
    mamba_num_heads: heads,
    mamba_head_dim: (2 * hiddenSize) / heads,
    n_groups: 1,
    ssm_state_size: headDim,
  };
}

/** Attention in every third layer and in the last one, as in hybrids on the hub; layers of another type in the others. */
function alternating(config: RandomBaseConfig, type: string): string[] {
  const attended = new Set(attentive(config));
  return Array.from({ length: config.layers }, (_, index) => (attended.has(index) ? 'full_attention' : type));
}

function attentive({ layers }: RandomBaseConfig): number[] {
  return Array.from({ length: layers }, (_, index) => index).filter((index) => index % 3 === 2 || index === layers - 1);
}

function isLatent(family: string): boolean {
  return family.startsWith('deepseek') || family === 'kimi_k2';
}

/** About half of each head of queries and keys is turned. Values have heads of the same size. */
function latentSizes({ headDim }: RandomBaseConfig): Record<string, unknown> {
  const turned = 2 * Math.ceil(headDim / 4);
  return { qk_rope_head_dim: turned, qk_nope_head_dim: headDim - turned, v_head_dim: headDim };
}

/** The name of the field for the epsilon of the norms, where it is not `rms_norm_eps`. */
const epsilonNames: Readonly<Record<string, string>> = {
  cohere: 'layer_norm_eps',
  cohere2: 'layer_norm_eps',
  falcon: 'layer_norm_epsilon',
  gpt_neox: 'layer_norm_eps',
  lfm2: 'norm_eps',
  lfm2_moe: 'norm_eps',
  nemotron: 'norm_eps',
  nemotron_h: 'layer_norm_epsilon',
  phi: 'layer_norm_eps',
  stablelm: 'layer_norm_eps',
  starcoder2: 'norm_epsilon',
};

function gpt2Sizes(config: RandomBaseConfig): Record<string, unknown> {
  return {
    n_embd: config.hiddenSize,
    n_inner: config.intermediateSize,
    n_layer: config.layers,
    n_head: config.heads,
    n_positions: config.maxPositions,
    layer_norm_epsilon: config.rmsNormEpsilon,
  };
}

/** The description of a base to be created. @throws EspalierError MODEL_CONFIG_INVALID if the family does not support it */
export function describeRandomBase(config: RandomBaseConfig, json: unknown, path: string): DecoderConfig {
  const description = familyNamed(config.family).parse(json, path);
  const numbers = ['vocabSize', 'hiddenSize', 'intermediateSize', 'layers', 'heads', 'kvHeads', 'headDim'] as const;
  const problems = numbers
    .filter((name) => description[name] !== config[name])
    .map((name) => `${name} is ${description[name]} in a ${config.family} of these sizes, not ${config[name]}`);
  if (problems.length > 0) throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
  return description;
}

/** Families whose `config.json` contains the sizes directly, and not in a part for text. */
const families = decoderFamilies.filter(({ architecture }) => !architecture.endsWith('ForConditionalGeneration'));

function familyNamed(name: string): DecoderFamily {
  const family = families.find(({ modelType }) => modelType === name);
  if (family !== undefined) return family;
  const names = families.map(({ modelType }) => modelType);
  const similar = nearest(name, names);
  throw new EspalierError('MODEL_ARCHITECTURE_UNSUPPORTED', {
    path: 'The new base',
    architecture: similar === undefined ? name : `${name} (is it ${similar}?)`,
    supported: names,
  });
}
