import { z } from 'zod';

import { nullable, optional, positiveInteger, sizesSchema } from './fields.ts';
import type { LlamaLike } from './llama-like.ts';

/** The default sizes of Gemma 2 and 3. */
export const gemmaSizes = (vocabulary: number, positions: number): ReturnType<typeof sizesSchema> =>
  sizesSchema({
    vocab_size: vocabulary,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: positions,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
  });

/** The fields that Gemma 2 and 3 share besides the sizes. */
export const gemmaFields = {
  hidden_activation: optional(z.string(), 'gelu_pytorch_tanh'),
  attention_bias: optional(z.boolean(), false),
  query_pre_attn_scalar: optional(z.number().positive(), 256),
  sliding_window: nullable(positiveInteger, 4096),
  layer_types: z.array(z.string()).nullish(),
};

/** The common description of Gemma 2 and 3: four norms with weights relative to 1, and an embedding scaled by sqrt(hidden). */
export function gemmaTraits(
  hiddenSize: number,
  fields: { readonly attention_bias: boolean; readonly query_pre_attn_scalar: number },
): Pick<LlamaLike, 'norms' | 'normOffset' | 'embeddingScale' | 'scale' | 'biases'> {
  return {
    norms: 'both',
    normOffset: 1,
    embeddingScale: Math.sqrt(hiddenSize),
    scale: fields.query_pre_attn_scalar ** -0.5,
    biases: { queryKeyValue: fields.attention_bias, output: fields.attention_bias },
  };
}
