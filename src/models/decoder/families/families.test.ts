import { describe, expect, it } from 'vitest';

import { familyOf } from '../../open-base-model.ts';
import type { DecoderConfig } from '../decoder-config.ts';
import { decoderModules, decoderWeightShapes } from '../decoder-weights.ts';
import { decoderFamilies } from './index.ts';

function parse(json: Record<string, unknown>): DecoderConfig {
  return familyOf(json, 'config.json').parse(json, 'config.json');
}

/** Sizes of a configuration that says nothing but its type, as transformers 5.18 has them. */
const defaults: Record<string, readonly (number | boolean)[]> = {
  // vocabulary, hidden, intermediate, layers, heads, kvHeads, headDim, positions, epsilon, tied, theta
  llama: [32000, 4096, 11008, 32, 32, 32, 128, 2048, 1e-6, false, 1e4],
  mistral: [32000, 4096, 14336, 32, 32, 8, 128, 131072, 1e-6, false, 1e4],
  qwen2: [151936, 4096, 22016, 32, 32, 32, 128, 32768, 1e-6, false, 1e4],
  qwen3: [151936, 4096, 22016, 32, 32, 32, 128, 32768, 1e-6, false, 1e4],
  gemma2: [256000, 2304, 9216, 26, 8, 4, 256, 8192, 1e-6, true, 1e4],
  gemma3_text: [262208, 2304, 9216, 26, 8, 4, 256, 131072, 1e-6, true, 1e4],
  gemma3: [262208, 2304, 9216, 26, 8, 4, 256, 131072, 1e-6, true, 1e4],
  gemma4_text: [262144, 2304, 9216, 30, 8, 4, 512, 131072, 1e-6, true, 1e4],
  gemma4: [262144, 2304, 9216, 30, 8, 4, 512, 131072, 1e-6, true, 1e4],
  phi: [51200, 2048, 8192, 24, 32, 32, 64, 2048, 1e-5, false, 1e4],
  phi3: [32064, 3072, 8192, 32, 32, 32, 96, 4096, 1e-5, false, 1e4],
  olmo2: [50304, 4096, 11008, 32, 32, 32, 128, 2048, 1e-5, false, 1e4],
  smollm3: [128256, 2048, 11008, 36, 16, 4, 128, 32768, 1e-6, true, 2e6],
  granite: [32000, 4096, 11008, 32, 32, 32, 128, 2048, 1e-6, false, 1e4],
  qwen2_moe: [151936, 2048, 5632, 24, 16, 16, 128, 32768, 1e-6, false, 1e4],
  qwen3_moe: [151936, 2048, 6144, 24, 32, 4, 64, 32768, 1e-6, false, 1e4],
  mixtral: [32000, 4096, 14336, 32, 32, 8, 128, 131072, 1e-5, false, 1e6],
  olmoe: [50304, 2048, 2048, 16, 16, 16, 128, 4096, 1e-5, false, 1e4],
  granitemoe: [32000, 4096, 11008, 32, 32, 32, 128, 2048, 1e-6, false, 1e4],
  gpt2: [50257, 768, 3072, 12, 12, 12, 64, 1024, 1e-5, true, NaN],
  apertus: [131072, 4096, 14336, 32, 32, 32, 128, 65536, 1e-5, false, 12e6],
  arcee: [32000, 2560, 18432, 32, 32, 32, 80, 4096, 1e-5, false, 1e4],
  cohere: [256000, 8192, 22528, 40, 64, 64, 128, 8192, 1e-5, true, 5e5],
  cohere2: [256000, 8192, 22528, 40, 64, 64, 128, 8192, 1e-5, true, 1e4],
  deepseek_v2: [102400, 4096, 11008, 32, 32, 32, 192, 2048, 1e-6, false, 1e4],
  deepseek_v3: [129280, 7168, 18432, 61, 128, 128, 192, 4096, 1e-6, false, 1e4],
  kimi_k2: [129280, 7168, 18432, 61, 128, 128, 192, 4096, 1e-6, false, 1e4],
  dots1: [152064, 4608, 10944, 62, 32, 32, 144, 2048, 1e-6, false, 1e4],
  ernie4_5: [103424, 1024, 3072, 18, 16, 2, 128, 131072, 1e-5, true, 5e5],
  exaone4: [102400, 4096, 16384, 32, 32, 32, 128, 2048, 1e-5, false, 1e4],
  falcon: [65024, 4544, 18176, 32, 71, 1, 64, 2048, 1e-5, true, 1e4],
  glm: [151552, 4096, 13696, 40, 32, 2, 128, 131072, 1.5625e-7, false, 1e4],
  glm4: [151552, 4096, 13696, 40, 32, 2, 128, 131072, 1.5625e-7, false, 1e4],
  glm4_moe: [151552, 4096, 10944, 46, 96, 8, 128, 131072, 1e-5, false, 1e4],
  gpt_oss: [201088, 2880, 2880, 36, 64, 8, 64, 131072, 1e-5, false, 15e4],
  gpt_neox: [50432, 6144, 24576, 44, 64, 64, 96, 2048, 1e-5, false, 1e4],
  hunyuan_v1_dense: [290943, 4096, 11008, 32, 32, 32, 128, 2048, 1e-5, false, 1e4],
  ministral: [32000, 4096, 14336, 32, 32, 8, 128, 131072, 1e-6, false, 1e4],
  ministral3: [131072, 4096, 14336, 34, 32, 8, 128, 262144, 1e-5, false, 1e6],
  mistral3: [32000, 4096, 14336, 32, 32, 8, 128, 131072, 1e-6, true, 1e4],
  nemotron: [256000, 6144, 24576, 32, 48, 48, 128, 4096, 1e-5, false, 1e4],
  olmo3: [50304, 4096, 11008, 32, 32, 32, 128, 2048, 1e-5, false, 5e5],
  opt: [50272, 768, 3072, 12, 12, 12, 64, 2048, 1e-5, true, NaN],
  seed_oss: [155136, 4096, 27648, 64, 80, 8, 128, 524288, 1e-6, false, 1e4],
  stablelm: [50304, 2560, 6912, 32, 32, 32, 80, 4096, 1e-5, false, 1e4],
  bamba: [128000, 4096, 14336, 32, 32, 8, 128, 262144, 1e-5, false, NaN],
  granitemoehybrid: [32000, 4096, 11008, 32, 32, 32, 128, 2048, 1e-6, false, NaN],
  qwen3_next: [151936, 2048, 5632, 48, 16, 2, 256, 32768, 1e-6, false, 1e4],
  qwen3_5: [248320, 4096, 12288, 32, 16, 4, 256, 32768, 1e-6, false, 1e4],
  qwen3_5_text: [248320, 4096, 12288, 32, 16, 4, 256, 32768, 1e-6, false, 1e4],
  qwen3_5_moe: [248320, 2048, 5632, 40, 16, 2, 256, 32768, 1e-6, false, 1e4],
  qwen3_5_moe_text: [248320, 2048, 5632, 40, 16, 2, 256, 32768, 1e-6, false, 1e4],
  lfm2: [65536, 2560, 8192, 32, 32, 8, 80, 128000, 1e-5, true, 1e6],
  falcon_h1: [128000, 4096, 14336, 32, 32, 8, 128, 8192, 1e-5, false, 1e4],
  lfm2_moe: [65536, 2048, 7168, 32, 32, 8, 64, 128000, 1e-5, true, 1e6],
  ernie4_5_moe: [103424, 2560, 12288, 28, 20, 4, 128, 131072, 1e-5, true, 5e5],
  hunyuan_v1_moe: [290943, 4096, 11008, 32, 32, 32, 128, 2048, 1e-5, false, 1e4],
  nemotron_h: [131072, 4096, 21504, 4, 32, 8, 128, 4096, 1e-5, false, NaN],
  starcoder2: [49152, 3072, 12288, 30, 24, 2, 128, 4096, 1e-5, true, 1e4],
};

/** What a file of the family cannot leave out. */
const needed: Record<string, Record<string, unknown>> = {
  mistral3: { text_config: {} },
  glm4_moe: { head_dim: 128 },
};

describe('the families of decoders', () => {
  it('are all in the table of defaults', () => {
    expect(decoderFamilies.map(({ modelType }) => modelType).sort()).toEqual(Object.keys(defaults).sort());
  });

  it.each(Object.entries(defaults))(
    '%s has the defaults of transformers where its file is silent',
    (type, expected) => {
      const config = parse({ model_type: type, ...needed[type] });
      const { vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, maxPositions } = config;
      const sizes = [vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, maxPositions];
      const { epsilon } = config.lastNorm ?? {};
      const theta = config.blocks.find(({ attention }) => attention)?.attention?.rope?.theta ?? NaN;
      expect([...sizes, epsilon, config.head.weight !== undefined, theta]).toEqual(expected);
      expect(config.blocks).toHaveLength(layers);
    },
  );

  it.each(Object.keys(defaults))('%s has one weight and one shape for each name, and modules among them', (type) => {
    const config = parse({ model_type: type, ...needed[type] });
    const shapes = decoderWeightShapes(config);
    const modules = decoderModules(config);
    expect(new Set(modules.map(({ path }) => path)).size).toBe(modules.length);
    const isOwn = ({ path, kind }: (typeof modules)[number]): boolean =>
      kind !== 'experts' && (path !== config.head.path || config.head.weight === undefined);
    const own = modules.filter(isOwn);
    for (const { path, in: width, out, kind, transposed = false } of own) {
      const expected = kind === 'embedding' || transposed ? [width, out] : [out, width];
      expect([path, shapes.get(`${path}.weight`)]).toEqual([path, expected]);
    }
  });
});

describe('networks with a text part', () => {
  it.each(['gemma3', 'gemma4', 'mistral3', 'qwen3_5'])(
    '%s: the whole network says whether the head is tied',
    (type) => {
      const tied = (whole: boolean, text: boolean): boolean => {
        const json = { model_type: type, tie_word_embeddings: whole, text_config: { tie_word_embeddings: text } };
        return parse(json).head.weight !== undefined;
      };
      expect([tied(true, false), tied(false, true)]).toEqual([true, false]);
    },
  );
});

describe('caps of logits', () => {
  it('are those of the text part of Gemma 3 and Gemma 4, but not of Gemma 3 as a whole, as in transformers', () => {
    const text = { final_logit_softcapping: 5 };
    const cap = (type: string, json: Record<string, unknown>): number | undefined =>
      parse({ model_type: type, ...json }).logitSoftcap;
    expect([cap('gemma3_text', text), cap('gemma4_text', text), cap('gemma4', { text_config: text })]).toEqual([
      5, 5, 5,
    ]);
    expect(cap('gemma3', { text_config: text })).toBeUndefined();
  });
});

const windowsOf = (json: Record<string, unknown>): (number | undefined)[] =>
  parse({ num_hidden_layers: 4, ...json }).blocks.map(({ attention }) => attention?.window);

const nowhere = [undefined, undefined, undefined, undefined];

describe('windows', () => {
  it.each<[string, Record<string, unknown>, (number | undefined)[]]>([
    ['in all layers of Mistral', { model_type: 'mistral' }, [4096, 4096, 4096, 4096]],
    ['nowhere in Mistral when null says so', { model_type: 'mistral', sliding_window: null }, nowhere],
    ['nowhere in Qwen2 unless it is turned on', { model_type: 'qwen2', max_window_layers: 0 }, nowhere],
    [
      'nowhere in a Qwen2-MoE as transformers writes it',
      { model_type: 'qwen2_moe', use_sliding_window: false, sliding_window: 0 },
      nowhere,
    ],
    [
      'in the later layers of Qwen2',
      { model_type: 'qwen2', use_sliding_window: true, sliding_window: 8, max_window_layers: 3 },
      [undefined, undefined, undefined, 8],
    ],
    ['in every other layer of Gemma 2', { model_type: 'gemma2', sliding_window: 5 }, [5, undefined, 5, undefined]],
    [
      'in all but each third layer of a Gemma 3 of before transformers 5',
      { model_type: 'gemma3_text', sliding_window: 5, sliding_window_pattern: 3 },
      [5, 5, undefined, 5],
    ],
    [
      'where layer_types says',
      {
        model_type: 'gemma3_text',
        sliding_window: 5,
        layer_types: ['full_attention', 'sliding_attention', 'full_attention', 'full_attention'],
      },
      [undefined, 5, undefined, undefined],
    ],
  ])('are %s', (_, json, expected) => {
    expect(windowsOf(json)).toEqual(expected);
  });

  it('are refused where a layer is of another type', () => {
    const layers = ['full_attention', 'chunked_attention', 'linear_attention', 'full_attention'];
    expect(() => windowsOf({ model_type: 'qwen3', layer_types: layers })).toThrow(
      /chunked_attention.*linear_attention/,
    );
  });
});

describe('rotation', () => {
  it('has the base of each kind of layer, in either spelling of Gemma 3', () => {
    const old = { rope_theta: 500, rope_local_base_freq: 20, rope_scaling: { rope_type: 'linear', factor: 8 } };
    const rope_parameters = {
      full_attention: { rope_type: 'linear', factor: 8, rope_theta: 500 },
      sliding_attention: { rope_type: 'default', rope_theta: 20 },
    };
    for (const spelling of [old, { rope_parameters }]) {
      const { blocks } = parse({ model_type: 'gemma3_text', num_hidden_layers: 6, ...spelling });
      expect(blocks[0]?.attention?.rope).toMatchObject({ theta: 20, scaling: { kind: 'none' } });
      expect(blocks[5]?.attention?.rope).toMatchObject({ theta: 500, scaling: { kind: 'linear', factor: 8 } });
    }
  });

  it('leaves out every fourth layer of SmolLM3, or those that no_rope_layers marks with 0', () => {
    const turned = (json: Record<string, unknown>): boolean[] =>
      parse({ model_type: 'smollm3', num_hidden_layers: 4, ...json }).blocks.map(
        ({ attention }) => attention?.rope !== undefined,
      );
    expect(turned({})).toEqual([true, true, true, false]);
    expect(turned({ no_rope_layers: [0, 1, 0, 1] })).toEqual([false, true, false, true]);
  });

  it.each(['su', 'yarn', 'longrope'])('takes %s in Phi-3 for longrope, from the length beside it', (type) => {
    const rope_scaling = { type, short_factor: [1, 1, 1], long_factor: [2, 3, 4] };
    const sizes = { hidden_size: 32, num_attention_heads: 4, partial_rotary_factor: 0.75 };
    const config = parse({ model_type: 'phi3', ...sizes, rope_scaling, original_max_position_embeddings: 64 });
    expect(config.blocks[0]?.attention?.rope).toMatchObject({
      dims: 6,
      scaling: { kind: 'longrope', originalLength: 64, longFactors: [2, 3, 4] },
    });
    expect(config.recomputeLength).toBe(64);
  });
});
