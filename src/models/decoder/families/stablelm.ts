import { z } from 'zod';

import { flag } from './fields.ts';
import { llamaFamily } from './llama-family.ts';

/** StableLM: LayerNorm, a part of each head is rotated. Each head may have its own norm, and the branches may be parallel. */
export const stablelm = llamaFamily({
  modelType: 'stablelm',
  architecture: 'StableLmForCausalLM',
  sizes: {
    vocab_size: 50304,
    hidden_size: 2560,
    intermediate_size: 6912,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  epsilon: 'layer_norm_eps',
  rope: { theta: 10000, partial: 0.25 },
  fields: z.looseObject({ use_qkv_bias: flag(), qk_layernorm: flag(), use_parallel_residual: flag() }),
  traits: (fields) => ({
    normKind: 'layer',
    ...(fields.use_parallel_residual && { norms: 'parallel' }),
    biases: { queryKeyValue: fields.use_qkv_bias },
    ...(fields.qk_layernorm && { queryKeyNorm: 'own-head', ownHeads: 'tensors' }),
    normNames: { query: 'q_layernorm', key: 'k_layernorm' },
  }),
});
