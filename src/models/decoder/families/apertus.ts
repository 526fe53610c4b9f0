import { z } from 'zod';

import { flag, optional } from './fields.ts';
import { llamaFamily } from './llama-family.ts';

/** Apertus: xIELU without a gate, norms over heads. */
export const apertus = llamaFamily({
  modelType: 'apertus',
  architecture: 'ApertusForCausalLM',
  sizes: {
    vocab_size: 131072,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 65536,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  rope: {
    theta: 12_000_000,
    unsaid: {
      rope_type: 'llama3',
      rope_theta: 12_000_000,
      factor: 8,
      original_max_position_embeddings: 8192,
      low_freq_factor: 1,
      high_freq_factor: 4,
    },
  },
  fields: z.looseObject({ hidden_act: optional(z.string(), 'xielu'), attention_bias: flag() }),
  traits: ({ hidden_act: act, attention_bias: bias }) => ({
    ...(act === 'xielu' && { activation: act }),
    ungated: { up: 'up_proj', down: 'down_proj' },
    biases: { queryKeyValue: bias, output: bias },
    queryKeyNorm: 'head',
    normNames: { attention: 'attention_layernorm', mlp: 'feedforward_layernorm' },
  }),
});
