import { describe, expect, it } from 'vitest';

import { formatLlamaConfig, parseLlamaConfig } from './llama-config.ts';
import { tinyConfig } from './testing/fixtures.ts';

const minimal = {
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};

const parse = (changes: Record<string, unknown>): ReturnType<typeof parseLlamaConfig> =>
  parseLlamaConfig({ ...minimal, ...changes }, 'config.json');

describe('parseLlamaConfig', () => {
  it('fills in what the family leaves out', () => {
    expect(parse({})).toEqual({
      kind: 'decoder',
      family: 'llama',
      vocabSize: 100,
      hiddenSize: 64,
      intermediateSize: 128,
      layers: 2,
      heads: 4,
      kvHeads: 4,
      headDim: 16,
      rmsNormEpsilon: 1e-6,
      ropeTheta: 10000,
      maxPositions: 2048,
      tiedEmbeddings: false,
      attentionBias: false,
      mlpBias: false,
      initializerRange: 0.02,
    });
  });

  it.each([
    ['the old spelling', { rope_theta: 500000, rope_scaling: null }],
    ['the new spelling', { rope_parameters: { rope_theta: 500000, rope_type: 'default' } }],
    ['an old scaling that scales nothing', { rope_theta: 500000, rope_scaling: { type: 'default' } }],
  ])('reads the rotary base in %s', (_, changes) => {
    expect(parse(changes).ropeTheta).toBe(500000);
  });

  it.each([
    ['rotary scaling = llama3', { rope_scaling: { rope_type: 'llama3', factor: 8 } }],
    ['rotary scaling = linear', { rope_scaling: { type: 'linear', factor: 2 } }],
    ['rotary scaling = yarn', { rope_parameters: { rope_theta: 1e4, rope_type: 'yarn' } }],
    ['hidden_act = gelu', { hidden_act: 'gelu' }],
    ['partial_rotary_factor = 0.5', { partial_rotary_factor: 0.5 }],
    ['quantization_config = set', { quantization_config: { bits: 4 } }],
  ])('refuses %s by name', (named, changes) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code: 'MODEL_FEATURE_UNSUPPORTED' }));
    expect(() => parse(changes)).toThrow(named);
  });

  it.each([
    ['gemma3_text', { model_type: 'gemma3_text', architectures: ['Gemma3ForCausalLM'] }],
    ['LlamaForSequenceClassification', { architectures: ['LlamaForSequenceClassification'] }],
  ])('refuses the architecture %s and says what is supported', (named, changes) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code: 'MODEL_ARCHITECTURE_UNSUPPORTED' }));
    expect(() => parse(changes)).toThrow(new RegExp(`${named}.*LlamaForCausalLM`));
  });

  it.each([
    ['vocab_size', { vocab_size: 'many' }],
    ['num_hidden_layers', { num_hidden_layers: 0 }],
    ['share', { num_key_value_heads: 3 }],
    ['head size', { head_dim: 7 }],
    ['head size', { hidden_size: 66 }],
  ])('refuses impossible numbers, naming %s', (named, changes) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code: 'MODEL_CONFIG_INVALID' }));
    expect(() => parse(changes)).toThrow(named);
  });

  it('refuses what is no object', () => {
    expect(() => parseLlamaConfig([], 'config.json')).toThrow(
      expect.objectContaining({ code: 'MODEL_CONFIG_INVALID' }),
    );
  });

  it('reads back what formatLlamaConfig writes', () => {
    const config = { ...tinyConfig, tiedEmbeddings: true, attentionBias: true, mlpBias: true, ropeTheta: 12345 };
    expect(parseLlamaConfig(formatLlamaConfig(config, { dtype: 'bfloat16' }), 'config.json')).toEqual(config);
  });
});
