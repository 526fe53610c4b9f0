import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { nullable, optional, positiveInteger, sizesSchema } from './fields.ts';
import { llamaLike } from './llama-like.ts';
import { readRope, ropeFields } from './read-rope.ts';

const sizes = sizesSchema({
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
});

const own = z.looseObject({
  hidden_act: optional(z.string(), 'silu'),
  sliding_window: nullable(positiveInteger, 4096),
});

/** Mistral: Llama with a sliding window in all layers. A null in config.json switches the window off. */
export const mistral: DecoderFamily = {
  modelType: 'mistral',
  architecture: 'MistralForCausalLM',
  parse(json, path) {
    const features = new Features(json, path);
    const read = parseWith(sizes, json, path);
    const { hidden_act: act, sliding_window: window } = parseWith(own, json, path);
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...read, defaultTheta: 10000 });
    const activation = features.activation('hidden_act', act);
    features.check();
    return llamaLike({
      family: 'mistral',
      path,
      sizes: read,
      activation,
      layer: () => ({ rope, window }),
      longest: rope,
    });
  },
};
