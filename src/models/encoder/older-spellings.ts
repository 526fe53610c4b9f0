import { z } from 'zod';
import { positiveInteger } from '../decoder/families/fields.ts';
import { parseWith } from '../parse-with.ts';
import { refuseFeature } from './read-fields.ts';

const nomicJson = z.looseObject({
  n_embd: positiveInteger,
  n_layer: positiveInteger,
  n_head: positiveInteger,
  n_inner: positiveInteger.nullish(),
  n_positions: positiveInteger.nullish(),
  activation_function: z.string().default('swiglu'),
  layer_norm_epsilon: z.number().positive().nullish(),
  rotary_emb_base: z.number().positive().default(1000),
});

const activationsOfGates: Readonly<Record<string, string>> = { swiglu: 'silu', geglu: 'gelu' };

/** The only values that fields of Nomic's own code may have; `null` stands for an absent field as well. */
const nomicOnly: readonly (readonly [field: string, values: readonly unknown[]])[] = [
  ['prenorm', [false]],
  ['causal', [false]],
  ['use_rms_norm', [false]],
  ['parallel_block', [false]],
  ['qkv_proj_bias', [false]],
  ['mlp_fc1_bias', [false]],
  ['mlp_fc2_bias', [false]],
  ['rotary_emb_fraction', [1]],
  ['rotary_emb_interleaved', [false]],
  ['rotary_emb_scale_base', [null]],
  ['rotary_scaling_factor', [null, 1]],
  ['scale_attn_weights', [true]],
  ['scale_attn_by_inverse_layer_idx', [false]],
  ['num_experts', [0, 1]],
  ['moe_every_n_layers', [0]],
];

/** The fields whose absence means another value than the supported one, as in the code that comes with the checkpoints. */
const nomicDefaults = { rotary_emb_fraction: 0, qkv_proj_bias: true, mlp_fc1_bias: true, mlp_fc2_bias: true };

/**
 * Translates the configuration of Nomic's own code, with fields as in GPT-2 (`n_embd`), to that of transformers 5. One that is written
 * as transformers 5 writes it stays as it is.
 *
 * @throws EspalierError MODEL_FEATURE_UNSUPPORTED for a value that would change the result, MODEL_CONFIG_INVALID
 */
export function currentNomic(json: unknown, path: string): unknown {
  if (!isOlder(json, 'n_embd')) return json;
  const fields = parseWith(nomicJson, json, path);
  refuseOthers({ ...nomicDefaults, ...fields }, nomicOnly, path);
  const activation = Object.hasOwn(activationsOfGates, fields.activation_function)
    ? activationsOfGates[fields.activation_function]
    : undefined;
  if (activation === undefined) {
    const value = fields.activation_function;
    refuseFeature(path, {
      feature: 'activation_function',
      value,
      supported: Object.keys(activationsOfGates).join(', '),
    });
  }
  return {
    ...json,
    hidden_size: fields.n_embd,
    num_hidden_layers: fields.n_layer,
    num_attention_heads: fields.n_head,
    intermediate_size: fields.n_inner ?? 4 * fields.n_embd,
    max_position_embeddings: fields.n_positions ?? 2048,
    hidden_act: activation,
    layer_norm_eps: fields.layer_norm_epsilon ?? 1e-12,
    rope_parameters: { rope_type: 'default', rope_theta: fields.rotary_emb_base },
  };
}

const newJson = z.looseObject({
  hidden_size: positiveInteger,
  num_attention_heads: positiveInteger,
  rope_theta: z.number().positive().default(10_000),
  rope_scaling: z
    .looseObject({ type: z.string().nullish(), factor: z.number().positive(), mixed_b: z.number().nullish() })
    .nullish(),
});

const newOnly: readonly (readonly [field: string, values: readonly unknown[]])[] = [
  ['layer_norm_type', ['layer_norm']],
  ['position_embedding_type', ['rope']],
  ['logn_attention_scale', [false]],
];

const newDefaults = { max_position_embeddings: 2048, type_vocab_size: 1, pad_token_id: 0, hidden_act: 'gelu' };

/**
 * Translates the configuration of Alibaba's own code for GTE (`model_type: new`) to that of transformers 5.
 *
 * Its rotary scaling `ntk` stretches the base and slows all frequencies: θ' = θ·s, f' = f / s^(2 / headDim). In the terms of
 * transformers this is a linear scaling over another base.
 *
 * @throws EspalierError MODEL_FEATURE_UNSUPPORTED for a value that would change the result, MODEL_CONFIG_INVALID
 */
export function currentGte(json: unknown, path: string): unknown {
  if (!isOlder(json, 'model_type') || json['model_type'] !== 'new') return json;
  const fields = parseWith(newJson, json, path);
  refuseOthers(fields, newOnly, path);
  const { rope_scaling: scaling, rope_theta: theta } = fields;
  const { rope_scaling: _, rope_theta: __, position_embedding_type: ___, ...rest } = json;
  const plain = { ...newDefaults, ...rest };
  if (!scaling) return { ...plain, rope_parameters: { rope_type: 'default', rope_theta: theta } };
  const { type, factor, mixed_b: mixed } = scaling;
  if (type !== 'ntk' || (mixed !== null && mixed !== undefined)) {
    const value = mixed === null || mixed === undefined ? String(type) : `${String(type)} with mixed_b`;
    refuseFeature(path, { feature: 'rope_scaling', value, supported: 'ntk without mixed_b' });
  }
  const headDim = fields.hidden_size / fields.num_attention_heads;
  return {
    ...plain,
    rope_parameters: { rope_type: 'linear', rope_theta: theta * factor, factor: factor ** (2 / headDim) },
  };
}

function isOlder(json: unknown, field: string): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && field in json;
}

function refuseOthers(
  fields: Readonly<Record<string, unknown>>,
  only: readonly (readonly [field: string, values: readonly unknown[]])[],
  path: string,
): void {
  for (const [feature, values] of only) {
    const value = fields[feature];
    if (value === undefined || value === null || values.includes(value)) continue;
    refuseFeature(path, { feature, value: String(value), supported: values.map(String).join(' or ') });
  }
}
