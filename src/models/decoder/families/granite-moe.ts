import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, sizesSchema } from './fields.ts';
import { llamaLike } from './llama-like.ts';
import { mixtureFields, mixtureOf, mixtureSizes } from './mixtures.ts';
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
  embedding_multiplier: optional(z.number(), 1),
  residual_multiplier: optional(z.number(), 1),
  attention_multiplier: optional(z.number(), 1),
  logits_scaling: optional(z.number().positive(), 1),
});

/** Granite with a mixture of experts in every layer. Checkpoints hold the matrices of all experts of a layer in one tensor. */
export const graniteMoe: DecoderFamily = {
  modelType: 'granitemoe',
  architecture: 'GraniteMoeForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, mixtureFields.extend(own.shape));
    const read = parseWith(sizes, json, path);
    const { hiddenSize, intermediateSize: inner } = read;
    const fields = parseWith(own, json, path);
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...read, defaultTheta: 10000 });
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    const experts = mixtureSizes(json, { path, layers: read.layers, defaults: { experts: 8, perToken: 2 } });
    const router = { router: 'router', normalizes: true };
    return llamaLike({
      family: 'granitemoe',
      path,
      sizes: read,
      activation,
      layer: () => ({ rope }),
      longest: rope,
      biases: { queryKeyValue: fields.attention_bias, output: fields.attention_bias },
      scale: fields.attention_multiplier,
      embeddingScale: fields.embedding_multiplier,
      residualScale: fields.residual_multiplier,
      logitScale: 1 / fields.logits_scaling,
      feedForward: (_, block) =>
        mixtureOf({ path: `${block}.block_sparse_moe`, hiddenSize, inner, activation, ...router, ...experts }),
    });
  },
  rename: (name) =>
    name
      .replace('.block_sparse_moe.input_linear.weight', '.block_sparse_moe.experts.gate_up_proj')
      .replace('.block_sparse_moe.output_linear.weight', '.block_sparse_moe.experts.down_proj')
      .replace('.block_sparse_moe.router.layer.', '.block_sparse_moe.router.'),
};
