import { z } from 'zod';

import { flag } from './fields.ts';
import { llamaFamily } from './llama-family.ts';

/** Arcee (AFM): Llama without a gate, with squared ReLU. */
export const arcee = llamaFamily({
  modelType: 'arcee',
  architecture: 'ArceeForCausalLM',
  sizes: {
    vocab_size: 32000,
    hidden_size: 2560,
    intermediate_size: 18432,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  activation: 'relu2',
  rope: { theta: 10000 },
  fields: z.looseObject({ attention_bias: flag(), mlp_bias: flag() }),
  traits: ({ attention_bias: bias, mlp_bias: mlp }) => ({
    ungated: { up: 'up_proj', down: 'down_proj' },
    biases: { queryKeyValue: bias, output: bias, mlp },
  }),
});
