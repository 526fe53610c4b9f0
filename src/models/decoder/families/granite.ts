import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, sizesSchema } from './fields.ts';
import { llamaLike } from './llama-like.ts';
import { readRope, ropeFields } from './read-rope.ts';

const sizes = sizesSchema({
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
});

const own = z.looseObject({
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
  mlp_bias: optional(z.boolean(), false),
  embedding_multiplier: optional(z.number(), 1),
  residual_multiplier: optional(z.number(), 1),
  attention_multiplier: optional(z.number(), 1),
  logits_scaling: optional(z.number().positive(), 1),
});

/** Granite: Llama with a multiplier at the embedding, the scores, each branch and the logits. */
export const granite: DecoderFamily = {
  modelType: 'granite',
  architecture: 'GraniteForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const read = parseWith(sizes, json, path);
    const fields = parseWith(own, json, path);
    const { attention_bias: bias, mlp_bias: mlp } = fields;
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...read, defaultTheta: 10000 });
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    return llamaLike({
      family: 'granite',
      path,
      sizes: read,
      activation,
      layer: () => ({ rope }),
      longest: rope,
      biases: { queryKeyValue: bias, output: bias, mlp },
      scale: fields.attention_multiplier,
      embeddingScale: fields.embedding_multiplier,
      residualScale: fields.residual_multiplier,
      logitScale: 1 / fields.logits_scaling,
    });
  },
};
