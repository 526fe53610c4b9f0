import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, sizesSchema } from './fields.ts';
import { llamaLike } from './llama-like.ts';
import { readRope, ropeFields } from './read-rope.ts';

const sizes = sizesSchema({
  vocab_size: 50304,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
});

const own = z.looseObject({
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
});

/** OLMo 2. Norms come after each branch instead of before it. Queries and keys are normalized over all heads. */
export const olmo2: DecoderFamily = {
  modelType: 'olmo2',
  architecture: 'Olmo2ForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const read = parseWith(sizes, json, path);
    const { hidden_act: act, attention_bias: bias } = parseWith(own, json, path);
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...read, defaultTheta: 10000 });
    const activation = features.activation('hidden_act', act);
    features.check();
    return llamaLike({
      family: 'olmo2',
      path,
      sizes: read,
      activation,
      layer: () => ({ rope }),
      longest: rope,
      biases: { queryKeyValue: bias, output: bias },
      norms: 'behind',
      queryKeyNorm: 'all',
    });
  },
};
