import { z } from 'zod';

import { flag, nullable, optional, positiveInteger } from './fields.ts';
import { groupedFields, groupedMixtures } from './grouped-mixtures.ts';
import { layerTypes } from './layer-types.ts';
import { llamaFamily } from './llama-family.ts';

const own = groupedFields.extend({
  attention_bias: flag(),
  hidden_act: optional(z.string(), 'silu'),
  sliding_window: nullable(positiveInteger, 4096),
  max_window_layers: optional(z.number().int().nonnegative(), 62),
  layer_types: z.array(z.string()).nullish(),
});

/** Numbers of experts have no defaults in transformers: these are of dots.llm1. */
const defaults = {
  experts: 128,
  perToken: 6,
  shared: 2,
  inner: 1408,
  dense: 0,
  groups: 1,
  kept: 1,
  normalizes: false,
  scale: 1,
} as const;

/** dots.llm1: the attention of Qwen3, and the mixtures of DeepSeek-V3. */
export const dots1 = llamaFamily({
  modelType: 'dots1',
  architecture: 'Dots1ForCausalLM',
  sizes: {
    vocab_size: 152064,
    hidden_size: 4608,
    intermediate_size: 10944,
    num_hidden_layers: 62,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
  },
  rope: { theta: 10000 },
  fields: own,
  traits(fields, { sizes, rope, features, path }) {
    const activation = features.activation('hidden_act', fields.hidden_act);
    const { sliding_window: window, max_window_layers: first, attention_bias: bias } = fields;
    const types = layerTypes(fields.layer_types, {
      features,
      path,
      layers: sizes.layers,
      fallback: (index) => (window !== undefined && index >= first ? 'sliding_attention' : 'full_attention'),
    });
    return {
      layer: (index) => ({ rope, window: types[index] === 'sliding_attention' ? window : undefined }),
      biases: { queryKeyValue: bias, output: bias },
      queryKeyNorm: 'head' as const,
      feedForward: groupedMixtures(fields, { path, ...sizes, activation, defaults, router: 'corrected' }),
    };
  },
});
