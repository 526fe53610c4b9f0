import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, sizesSchema } from './fields.ts';
import { llamaLike } from './llama-like.ts';
import { mixtureFields, mixtureOf, mixtureSizes } from './mixtures.ts';
import { readRope, ropeFields } from './read-rope.ts';

const sizes = sizesSchema({
  vocab_size: 50304,
  hidden_size: 2048,
  intermediate_size: 2048,
  num_hidden_layers: 16,
  num_attention_heads: 16,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
});

const own = z.looseObject({
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
  norm_topk_prob: optional(z.boolean(), false),
  clip_qkv: z.number().positive().nullish(),
});

/** OLMoE: queries and keys are normalized over all heads, and every layer is a mixture of experts. */
export const olmoe: DecoderFamily = {
  modelType: 'olmoe',
  architecture: 'OlmoeForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, mixtureFields.extend(own.shape));
    const read = parseWith(sizes, json, path);
    const { hiddenSize, intermediateSize: inner } = read;
    const fields = parseWith(own, json, path);
    const { attention_bias: bias, norm_topk_prob: normalizes } = fields;
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...read, defaultTheta: 10000 });
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    const experts = mixtureSizes(json, { path, layers: read.layers, defaults: { experts: 64, perToken: 8 } });
    return llamaLike({
      family: 'olmoe',
      path,
      sizes: read,
      activation,
      layer: () => ({ rope }),
      longest: rope,
      biases: { queryKeyValue: bias, output: bias },
      queryKeyNorm: 'all',
      clip: fields.clip_qkv ?? undefined,
      feedForward: (_, block) =>
        mixtureOf({ path: `${block}.mlp`, hiddenSize, inner, activation, normalizes, ...experts }),
    });
  },
};
