import { z } from 'zod';

import { optional } from './fields.ts';
import type { LlamaLike } from './llama-like.ts';

/** The sizes that transformers gives a Granite whose file does not say them. */
export const graniteSizes = {
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
} as const;

/** The fields of config.json that all Granites have. */
export const graniteFields = {
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
  embedding_multiplier: optional(z.number(), 1),
  residual_multiplier: optional(z.number(), 1),
  attention_multiplier: optional(z.number(), 1),
  logits_scaling: optional(z.number().positive(), 1),
};

type Multipliers = Readonly<
  Record<'embedding_multiplier' | 'residual_multiplier' | 'attention_multiplier' | 'logits_scaling', number>
>;

/** The multipliers at the embedding, the scores, each branch and the logits. */
export function graniteScales(
  fields: Multipliers,
): Pick<LlamaLike, 'scale' | 'embeddingScale' | 'residualScale' | 'logitScale'> {
  return {
    scale: fields.attention_multiplier,
    embeddingScale: fields.embedding_multiplier,
    residualScale: fields.residual_multiplier,
    logitScale: 1 / fields.logits_scaling,
  };
}
