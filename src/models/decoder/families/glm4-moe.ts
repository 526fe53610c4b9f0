import { z } from 'zod';

import { flag, optional } from './fields.ts';
import { furtherLayers, groupedFields, groupedMixtures } from './grouped-mixtures.ts';
import { llamaFamily } from './llama-family.ts';

const own = groupedFields.extend({
  attention_bias: flag(),
  use_qk_norm: flag(),
  hidden_act: optional(z.string(), 'silu'),
});

const defaults = {
  experts: 128,
  perToken: 8,
  shared: 1,
  inner: 1408,
  dense: 1,
  groups: 1,
  kept: 1,
  normalizes: true,
  scale: 1,
} as const;

/** GLM-4.5 and 4.6: half of each head turned, and the mixtures of DeepSeek-V3. */
export const glm4Moe = llamaFamily({
  modelType: 'glm4_moe',
  architecture: 'Glm4MoeForCausalLM',
  sizes: {
    vocab_size: 151552,
    hidden_size: 4096,
    intermediate_size: 10944,
    num_hidden_layers: 46,
    num_attention_heads: 96,
    num_key_value_heads: 8,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  rope: { theta: 10000, partial: 0.5 },
  fields: own,
  traits(fields, { sizes, features, path }) {
    const activation = features.activation('hidden_act', fields.hidden_act);
    return {
      biases: { queryKeyValue: fields.attention_bias },
      ...(fields.use_qk_norm && { queryKeyNorm: 'head' as const }),
      furtherLayers: furtherLayers(fields),
      feedForward: groupedMixtures(fields, { path, ...sizes, activation, defaults, router: 'corrected' }),
    };
  },
});
