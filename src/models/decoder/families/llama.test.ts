import { describe, expect, it } from 'vitest';

import { formatRandomBase } from '../../random-base-config.ts';
import { familyOf } from '../../open-base-model.ts';
import { tinyConfig } from '../../testing/fixtures.ts';
import type { DecoderConfig } from '../decoder-config.ts';

const minimal = {
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};

function parse(changes: Record<string, unknown>): DecoderConfig {
  const json = { ...minimal, ...changes };
  return familyOf(json, 'config.json').parse(json, 'config.json');
}

const ropeOf = (changes: Record<string, unknown>): unknown => parse(changes).blocks[0]?.attention?.rope;

describe("a Llama's config.json", () => {
  it('fills in what the family leaves out', () => {
    expect(parse({})).toMatchObject({
      kind: 'decoder',
      family: 'llama',
      vocabSize: 100,
      hiddenSize: 64,
      intermediateSize: 128,
      layers: 2,
      heads: 4,
      kvHeads: 4,
      headDim: 16,
      maxPositions: 2048,
      lastNorm: { kind: 'rms', epsilon: 1e-6, offset: 0 },
      head: { path: 'lm_head', bias: false },
    });
    expect(ropeOf({})).toEqual({ theta: 10000, dims: 16, scaling: { kind: 'none' } });
    expect(parse({}).head.weight).toBeUndefined();
  });

  it.each([
    ['the old spelling', { rope_theta: 500000, rope_scaling: null }],
    ['the new spelling', { rope_parameters: { rope_theta: 500000, rope_type: 'default' } }],
    ['an old scaling that scales nothing', { rope_theta: 500000, rope_scaling: { type: 'default' } }],
  ])('reads the rotary base in %s', (_, changes) => {
    expect(ropeOf(changes)).toMatchObject({ theta: 500000, scaling: { kind: 'none' } });
  });

  it.each([
    ['linear', { factor: 4 }, 8192],
    ['dynamic', { factor: 4 }, 8192],
    ['yarn', { factor: 4, original_max_position_embeddings: 2048 }, 8192],
    ['yarn', { factor: 4, original_max_position_embeddings: 256 }, 2048],
    ['llama3', { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 256 }, 2048],
  ])('reaches as far as rope scaling %s %j takes it: %i', (type, settings, reach) => {
    expect(parse({ rope_scaling: { type, ...settings } }).maxPositions).toBe(reach);
    expect(parse({ rope_parameters: { rope_type: type, ...settings } }).maxPositions).toBe(reach);
  });

  it.each([
    ['rope scaling = mrope', { rope_scaling: { type: 'mrope', factor: 8 } }],
    ['rope_parameters.full_attention', { rope_parameters: { full_attention: { rope_theta: 1e4 } } }],
    ['hidden_act = xielu', { hidden_act: 'xielu' }],
    ['partial_rotary_factor = 0.5', { partial_rotary_factor: 0.5 }],
    ['num_local_experts = 8', { num_local_experts: 8 }],
    ['use_qk_norm = true', { use_qk_norm: true }],
    ['final_logit_softcapping = 30', { final_logit_softcapping: 30 }],
    ['attention_bias = true', { model_type: 'mistral', attention_bias: true }],
  ])('refuses %s by name', (named, changes) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code: 'MODEL_FEATURE_UNSUPPORTED' }));
    expect(() => parse(changes)).toThrow(named);
  });

  it('names everything that is unsupported at once', () => {
    expect(() => parse({ hidden_act: 'xielu', num_experts: 8, rope_scaling: { type: 'mrope' } })).toThrow(
      /num_experts = 8 .*rope scaling = mrope .*hidden_act = xielu/,
    );
  });

  it.each([
    ['bloom', { model_type: 'bloom', architectures: ['BloomForCausalLM'] }],
    ['is it mistral', { model_type: 'mistrall' }],
    ['a mixture of experts: num_local_experts = 8', { model_type: 'dbrx', num_local_experts: 8 }],
    ['LlamaForQuestionAnswering', { architectures: ['LlamaForQuestionAnswering'] }],
  ])('refuses the architecture %s and says what is supported', (named, changes) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code: 'MODEL_ARCHITECTURE_UNSUPPORTED' }));
    expect(() => parse(changes)).toThrow(new RegExp(`${named}.*LlamaForCausalLM`));
  });

  it.each([
    ['vocab_size', { vocab_size: 'many' }],
    ['num_hidden_layers', { num_hidden_layers: 0 }],
    ['share', { num_key_value_heads: 3 }],
    ['in pairs', { head_dim: 7 }],
    ['in pairs', { hidden_size: 66 }],
    ['factor is missing', { rope_scaling: { type: 'linear' } }],
  ])('refuses impossible numbers, naming %s', (named, changes) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code: 'MODEL_CONFIG_INVALID' }));
    expect(() => parse(changes)).toThrow(named);
  });

  it('reads back what formatRandomBase writes', () => {
    const config = { ...tinyConfig, tiedEmbeddings: true, attentionBias: true, mlpBias: true, ropeTheta: 12345 };
    const { vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, maxPositions } = config;
    const read = parse(formatRandomBase(config, { dtype: 'bfloat16' }));
    expect(read).toMatchObject({
      vocabSize,
      hiddenSize,
      intermediateSize,
      layers,
      heads,
      kvHeads,
      headDim,
      maxPositions,
      head: { weight: 'model.embed_tokens.weight' },
      lastNorm: { epsilon: config.rmsNormEpsilon },
    });
    const [block] = read.blocks;
    expect(block?.attention).toMatchObject({ output: { bias: true }, rope: { theta: 12345 } });
    expect(block?.mlp).toMatchObject({ down: { bias: true } });
  });
});
