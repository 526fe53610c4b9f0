import { z } from 'zod';

import { flag, nullable, positiveInteger } from './fields.ts';
import { llamaFamily } from './llama-family.ts';

/** StarCoder 2: LayerNorm, biases everywhere, no gate, and a sliding window in all layers if there is one. */
export const starcoder2 = llamaFamily({
  modelType: 'starcoder2',
  architecture: 'Starcoder2ForCausalLM',
  sizes: {
    vocab_size: 49152,
    hidden_size: 3072,
    intermediate_size: 12288,
    num_hidden_layers: 30,
    num_attention_heads: 24,
    num_key_value_heads: 2,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  epsilon: 'norm_epsilon',
  activation: 'gelu_pytorch_tanh',
  rope: { theta: 10000 },
  fields: z.looseObject({ use_bias: flag(true), sliding_window: nullable(positiveInteger, undefined) }),
  traits: ({ use_bias: bias, sliding_window: window }, { rope }) => ({
    normKind: 'layer',
    ungated: { up: 'c_fc', down: 'c_proj' },
    biases: { queryKeyValue: bias, output: bias, mlp: bias },
    layer: () => ({ rope, window }),
  }),
});
