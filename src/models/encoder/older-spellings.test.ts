import { describe, expect, it } from 'vitest';
import { currentGte, currentNomic } from './older-spellings.ts';

// The fields that the config.json of nomic-embed-text-v1.5 has and that its own code reads.
const nomic = {
  model_type: 'nomic_bert',
  activation_function: 'swiglu',
  causal: false,
  layer_norm_epsilon: 1e-12,
  mlp_fc1_bias: false,
  mlp_fc2_bias: false,
  n_embd: 768,
  n_head: 12,
  n_inner: 3072,
  n_layer: 12,
  n_positions: 8192,
  parallel_block: false,
  prenorm: false,
  qkv_proj_bias: false,
  rotary_emb_base: 1000,
  rotary_emb_fraction: 1.0,
  rotary_emb_interleaved: false,
  rotary_emb_scale_base: null,
  rotary_scaling_factor: null,
  scale_attn_weights: true,
  use_rms_norm: false,
};

// Those of gte-large-en-v1.5.
const gte = {
  model_type: 'new',
  hidden_size: 1024,
  num_attention_heads: 16,
  rope_theta: 160_000,
  rope_scaling: { type: 'ntk', factor: 2 },
  position_embedding_type: 'rope',
  layer_norm_type: 'layer_norm',
  logn_attention_scale: false,
};

describe("the configuration of Nomic's own code", () => {
  it('is read as that of transformers 5', () => {
    expect(currentNomic(nomic, 'config.json')).toMatchObject({
      hidden_size: 768,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      intermediate_size: 3072,
      max_position_embeddings: 8192,
      hidden_act: 'silu',
      rope_parameters: { rope_type: 'default', rope_theta: 1000 },
    });
  });

  it.each([
    [{ prenorm: true }],
    [{ causal: true }],
    [{ use_rms_norm: true }],
    [{ rotary_emb_fraction: 0.5 }],
    [{ rotary_emb_interleaved: true }],
    [{ rotary_scaling_factor: 2 }],
    [{ activation_function: 'gelu' }],
    [{ num_experts: 8 }],
    [{ mlp_fc1_bias: undefined }],
  ])('refuses %j by name', (fields) => {
    const [name = ''] = Object.keys(fields);
    const json = JSON.parse(JSON.stringify({ ...nomic, ...fields }));
    expect(() => currentNomic(json, 'config.json')).toThrow(
      expect.objectContaining({
        code: 'MODEL_FEATURE_UNSUPPORTED',
        message: expect.stringContaining(name) as unknown,
      }),
    );
  });
});

describe("the configuration of GTE's own code", () => {
  it('stretches the base and slows all frequencies', () => {
    const { rope_parameters: rope } = currentGte(gte, 'config.json') as { rope_parameters: Record<string, number> };
    expect(rope).toMatchObject({ rope_type: 'linear', rope_theta: 320_000 });
    expect(rope['factor']).toBeCloseTo(2 ** (2 / 64), 12);
  });

  it.each([
    [{ layer_norm_type: 'rms_norm' }],
    [{ position_embedding_type: 'absolute' }],
    [{ logn_attention_scale: true }],
    [{ rope_scaling: { type: 'linear', factor: 2 } }],
    [{ rope_scaling: { type: 'ntk', factor: 2, mixed_b: 0.5 } }],
  ])('refuses %j by name', (fields) => {
    const [name = ''] = Object.keys(fields);
    expect(() => currentGte({ ...gte, ...fields }, 'config.json')).toThrow(name);
  });
});
