import { describe, expect, it } from 'vitest';
import type { GgufValue } from '../../tensor/index.ts';
import { ggufConfig } from './gguf-config.ts';

const usual: Readonly<Record<string, GgufValue>> = {
  context_length: 128,
  embedding_length: 64,
  block_count: 4,
  feed_forward_length: 96,
  'attention.head_count': 4,
  'attention.head_count_kv': 2,
  'attention.layer_norm_rms_epsilon': 1e-6,
  'rope.freq_base': 20_000,
};
const capped = { attn_logit_softcapping: 50, final_logit_softcapping: 30, 'attention.sliding_window': 8 };

function configOf(architecture: string, change: Readonly<Record<string, GgufValue>>, factors: readonly string[] = []) {
  const own = Object.entries({ ...usual, ...change }).map(([key, value]) => [`${architecture}.${key}`, value] as const);
  return ggufConfig({
    path: 'x.gguf',
    metadata: new Map<string, GgufValue>([['general.architecture', architecture], ...own]),
    shapes: new Map([['token_embd.weight', [100, 64]]]),
    factors: new Map(factors.map((name) => [name, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)])),
  });
}

describe('the configuration of a GGUF model', () => {
  it('has the sizes of the file, and ties its embeddings where there is no other output', () => {
    expect(configOf('llama', {})).toMatchObject({
      model_type: 'llama',
      vocab_size: 100,
      head_dim: 16,
      num_key_value_heads: 2,
      rope_theta: 20_000,
      tie_word_embeddings: true,
    });
  });

  it('knows the windows of Gemma as one number or as one for each layer', () => {
    const each = [true, false, true, false];
    for (const pattern of [2, each]) {
      const change = { ...capped, 'attention.sliding_window_pattern': pattern };
      expect(configOf('gemma2', change)).toMatchObject({ sliding_window: 8, attn_logit_softcapping: 50 });
    }
  });

  it('takes the scale of scores of the largest Gemma from its width', () => {
    const change = { ...capped, 'attention.key_length': 32, 'attention.value_length': 32 };
    expect(configOf('gemma2', change)).toMatchObject({ query_pre_attn_scalar: 32 });
    expect(configOf('gemma2', { ...change, block_count: 46 })).toMatchObject({ query_pre_attn_scalar: 16 });
  });

  it.each<[string, Record<string, GgufValue>, RegExp]>([
    ['llama', { 'rope.scale_linear': 4 }, /rope.scale_linear/],
    ['llama', { 'attention.causal': false }, /attention.causal/],
    ['llama', { expert_count: 8 }, /expert_count/],
    ['llama', { 'rope.dimension_count': 8 }, /turns 8 of the 16 numbers/],
    ['llama', { 'attention.value_length': 8 }, /values have another width/],
    ['llama', { attn_logit_softcapping: 50 }, /attn_logit_softcapping is 50/],
    ['qwen2', { 'attention.sliding_window': 8 }, /attention.sliding_window is 8/],
    ['qwen2', { 'rope.scaling.type': 'yarn', 'rope.scaling.factor': 4 }, /rotary scaling is yarn/],
    ['qwen2', { 'attention.sliding_window_pattern': [true] }, /sliding_window_pattern is true/],
    ['phi3', { 'rope.scaling.attn_factor': 1.19 }, /rope.scaling.attn_factor is 1.19/],
    ['gemma2', {}, /does not say its attn_logit_softcapping/],
    ['gemma2', { ...capped, 'attention.sliding_window_pattern': 6 }, /not all but every 2th/],
    ['gemma3', { 'attention.sliding_window_pattern': [true, true] }, /not all but every 6th/],
    ['gemma3', { 'attention.sliding_window': 8, 'rope.freq_base_swa': 500 }, /rope.freq_base_swa is not known/],
  ])('of %s is refused for %j', (architecture, change, message) => {
    expect(() => configOf(architecture, change)).toThrow(message);
  });

  it.each([
    ['llama', 'rope_freqs.weight', /not that of a Llama 3/],
    ['llama', 'rope_factors_long.weight', /it has rope_factors_long/],
    ['phi3', 'rope_factors_long.weight', /it has rope_factors_long/],
  ])('of %s is refused for unknown factors in %s', (architecture, name, message) => {
    expect(() => configOf(architecture, {}, [name])).toThrow(message);
  });
});
