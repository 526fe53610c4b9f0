import { z } from 'zod';

import { flag, optional } from './fields.ts';
import { cohereTraits } from './cohere-traits.ts';
import { llamaFamily } from './llama-family.ts';

/** Command R: parallel branches behind a LayerNorm without bias, neighbouring coordinates are rotated, logits are scaled. */
export const cohere = llamaFamily({
  modelType: 'cohere',
  architecture: 'CohereForCausalLM',
  sizes: {
    vocab_size: 256000,
    hidden_size: 8192,
    intermediate_size: 22528,
    num_hidden_layers: 40,
    num_attention_heads: 64,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  epsilon: 'layer_norm_eps',
  rope: { theta: 500_000, interleaved: true },
  fields: z.looseObject({
    attention_bias: flag(),
    use_qk_norm: flag(),
    logit_scale: optional(z.number(), 0.0625),
  }),
  traits: ({ attention_bias: bias, use_qk_norm: normed, logit_scale: logitScale }) => ({
    ...cohereTraits,
    logitScale,
    biases: { queryKeyValue: bias, output: bias },
    ...(normed && { queryKeyNorm: 'own-head' }),
  }),
});
