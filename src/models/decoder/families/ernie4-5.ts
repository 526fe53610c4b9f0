import { z } from 'zod';

import { flag } from './fields.ts';
import { llamaFamily } from './llama-family.ts';

/** ERNIE 4.5 (dense): neighbouring coordinates of a head are rotated. */
export const ernie45 = llamaFamily({
  modelType: 'ernie4_5',
  architecture: 'Ernie4_5ForCausalLM',
  sizes: {
    vocab_size: 103424,
    hidden_size: 1024,
    intermediate_size: 3072,
    num_hidden_layers: 18,
    num_attention_heads: 16,
    num_key_value_heads: 2,
    head_dim: 128,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  rope: { theta: 500_000, interleaved: true },
  fields: z.looseObject({ use_bias: flag() }),
  traits: ({ use_bias: bias }) => ({ biases: { queryKeyValue: bias, output: bias, mlp: bias } }),
});
