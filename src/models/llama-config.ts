import { z } from 'zod';

import { EspalierError } from '../core/index.ts';
import type { ModelConfig } from './base-model.ts';

/** What the graphs need to know of a Llama, in plain numbers. */
export interface LlamaConfig extends ModelConfig {
  readonly intermediateSize: number;
  /** Query heads; `heads / kvHeads` of them share a head of keys and values. */
  readonly heads: number;
  readonly rmsNormEpsilon: number;
  readonly ropeTheta: number;
  /** Whether `lm_head` uses the embedding's matrix. */
  readonly tiedEmbeddings: boolean;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  /** Standard deviation of fresh weights. */
  readonly initializerRange: number;
}

const positive = z.number().int().positive();

const rope = z.looseObject({
  rope_theta: z.number().positive().optional(),
  rope_type: z.string().optional(),
  type: z.string().optional(),
  partial_rotary_factor: z.number().optional(),
});

const tokenIds = z.union([z.number().int().nonnegative(), z.array(z.number().int().nonnegative())]);

const llamaJson = z.looseObject({
  vocab_size: positive,
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  hidden_act: z.string().default('silu'),
  max_position_embeddings: positive.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().nullish(),
  rope_parameters: rope.nullish(),
  rope_scaling: rope.nullish(),
  partial_rotary_factor: z.number().nullish(),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  initializer_range: z.number().nonnegative().default(0.02),
  bos_token_id: z.number().int().nonnegative().nullish(),
  eos_token_id: tokenIds.nullish(),
  quantization_config: z.unknown().optional(),
});

const header = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).nullish() });

/**
 * Reads a Hugging Face `config.json` of the Llama family, in the spelling before and since transformers 5 (`rope_theta` and
 * `rope_scaling`, or `rope_parameters`).
 *
 * @param json  the parsed file, not trusted
 * @param path  the file's path, for messages
 * @throws EspalierError MODEL_ARCHITECTURE_UNSUPPORTED, MODEL_FEATURE_UNSUPPORTED, MODEL_CONFIG_INVALID
 */
export function parseLlamaConfig(json: unknown, path: string): LlamaConfig {
  checkArchitecture(parseWith(header, json, path), path);
  const fields = parseWith(llamaJson, json, path);
  checkFeatures(fields, path);
  const config = toConfig(fields);
  checkDivisions(config, path);
  return config;
}

/** The `config.json` of a configuration, as Hugging Face writes it. The inverse of `parseLlamaConfig`. */
export function formatLlamaConfig(
  config: LlamaConfig,
  { dtype, generation }: { dtype: string; generation?: GenerationTokens | undefined },
): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsNormEpsilon,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tiedEmbeddings,
    attention_bias: config.attentionBias,
    mlp_bias: config.mlpBias,
    initializer_range: config.initializerRange,
    ...(generation && { bos_token_id: generation.bosTokenId, eos_token_id: generation.eosTokenIds }),
    torch_dtype: dtype,
  };
}

interface GenerationTokens {
  readonly bosTokenId?: number;
  readonly eosTokenIds: readonly number[];
}

/** Parses `json` by a schema; all that is wrong comes in one MODEL_CONFIG_INVALID. */
export function parseWith<T>(schema: z.ZodType<T>, json: unknown, path: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`);
  throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems: problems.join('; ') });
}

type LlamaJson = z.infer<typeof llamaJson>;

function checkArchitecture({ model_type: type, architectures }: z.infer<typeof header>, path: string): void {
  const known = type === 'llama' && (!architectures?.length || architectures.includes('LlamaForCausalLM'));
  if (known) return;
  const architecture = [type, ...(architectures ?? [])].join(' / ');
  throw new EspalierError('MODEL_ARCHITECTURE_UNSUPPORTED', {
    path,
    architecture,
    supported: 'llama / LlamaForCausalLM',
  });
}

function checkFeatures(fields: LlamaJson, path: string): void {
  const refuse = (feature: string, value: string | number, supported: string): never => {
    throw new EspalierError('MODEL_FEATURE_UNSUPPORTED', { path, feature, value, supported });
  };
  if (fields.hidden_act !== 'silu') refuse('hidden_act', fields.hidden_act, 'silu');
  for (const scaling of [fields.rope_parameters, fields.rope_scaling]) {
    const type = scaling?.rope_type ?? scaling?.type ?? 'default';
    if (type !== 'default') refuse('rotary scaling', type, 'default');
  }
  const partial = fields.rope_parameters?.partial_rotary_factor ?? fields.partial_rotary_factor ?? 1;
  if (partial !== 1) refuse('partial_rotary_factor', partial, '1');
  if (fields.quantization_config) refuse('quantization_config', 'set', 'f32, f16 and bf16 weights');
}

function toConfig(fields: LlamaJson): LlamaConfig {
  return {
    kind: 'decoder',
    family: 'llama',
    vocabSize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    intermediateSize: fields.intermediate_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    kvHeads: fields.num_key_value_heads ?? fields.num_attention_heads,
    headDim: fields.head_dim ?? fields.hidden_size / fields.num_attention_heads,
    rmsNormEpsilon: fields.rms_norm_eps,
    ropeTheta: fields.rope_parameters?.rope_theta ?? fields.rope_theta ?? 10000,
    maxPositions: fields.max_position_embeddings,
    tiedEmbeddings: fields.tie_word_embeddings,
    attentionBias: fields.attention_bias,
    mlpBias: fields.mlp_bias,
    initializerRange: fields.initializer_range,
  };
}

/** Heads must share the keys evenly, and rotary positions turn pairs of coordinates. */
function checkDivisions(config: LlamaConfig, path: string): void {
  const problems: string[] = [];
  if (config.heads % config.kvHeads !== 0)
    problems.push(`${config.heads} attention heads cannot share ${config.kvHeads} key-value heads evenly`);
  if (!Number.isInteger(config.headDim) || config.headDim % 2 !== 0)
    problems.push(`the head size ${config.headDim} is not an even integer`);
  if (problems.length > 0) throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems: problems.join('; ') });
}
