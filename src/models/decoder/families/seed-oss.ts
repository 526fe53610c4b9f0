import { z } from 'zod';

import { flag } from './fields.ts';
import { llamaFamily } from './llama-family.ts';

/** Seed-OSS: Llama with a switch of its own for the bias of the attention output. */
export const seedOss = llamaFamily({
  modelType: 'seed_oss',
  architecture: 'SeedOssForCausalLM',
  sizes: {
    vocab_size: 155136,
    hidden_size: 4096,
    intermediate_size: 27648,
    num_hidden_layers: 64,
    num_attention_heads: 80,
    num_key_value_heads: 8,
    head_dim: 128,
    max_position_embeddings: 524288,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
  },
  rope: { theta: 10000 },
  fields: z.looseObject({ attention_bias: flag(true), attention_out_bias: flag(), mlp_bias: flag() }),
  traits: ({ attention_bias: queryKeyValue, attention_out_bias: output, mlp_bias: mlp }) => ({
    biases: { queryKeyValue, output, mlp },
  }),
});
