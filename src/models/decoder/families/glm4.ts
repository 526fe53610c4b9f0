import { z } from 'zod';

import { flag } from './fields.ts';
import { llamaFamily } from './llama-family.ts';

/** GLM-4-0414 and Z1: like GLM-4, with norms before and after each branch. */
export const glm4 = llamaFamily({
  modelType: 'glm4',
  architecture: 'Glm4ForCausalLM',
  sizes: {
    vocab_size: 151552,
    hidden_size: 4096,
    intermediate_size: 13696,
    num_hidden_layers: 40,
    num_attention_heads: 32,
    num_key_value_heads: 2,
    head_dim: 128,
    max_position_embeddings: 131072,
    rms_norm_eps: 0.000_000_156_25,
    tie_word_embeddings: false,
  },
  rope: { theta: 10000, partial: 0.5, interleaved: true },
  fields: z.looseObject({ attention_bias: flag(true) }),
  traits: ({ attention_bias: bias }) => ({
    biases: { queryKeyValue: bias },
    packed: 'gate-up',
    norms: 'both',
    normNames: {
      attentionOutput: 'post_self_attn_layernorm',
      mlp: 'post_attention_layernorm',
      mlpOutput: 'post_mlp_layernorm',
    },
  }),
});
