import { z } from 'zod';

import { flag } from './fields.ts';
import { llamaFamily } from './llama-family.ts';

/** Nemotron 3 and 4, Minitron: LayerNorm with weights relative to 1, squared ReLU without a gate, half of each head is rotated. */
export const nemotron = llamaFamily({
  modelType: 'nemotron',
  architecture: 'NemotronForCausalLM',
  sizes: {
    vocab_size: 256000,
    hidden_size: 6144,
    intermediate_size: 24576,
    num_hidden_layers: 32,
    num_attention_heads: 48,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  epsilon: 'norm_eps',
  activation: 'relu2',
  rope: { theta: 10000, partial: 0.5 },
  fields: z.looseObject({ attention_bias: flag(), mlp_bias: flag() }),
  traits: ({ attention_bias: bias, mlp_bias: mlp }) => ({
    normKind: 'layer',
    normOffset: 1,
    ungated: { up: 'up_proj', down: 'down_proj' },
    biases: { queryKeyValue: bias, output: bias, mlp },
  }),
});
