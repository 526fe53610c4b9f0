import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderConfig } from '../decoder-config.ts';
import { Features } from './features.ts';
import { optional, sizesSchema, switchedWindow, type SizeDefaults } from './fields.ts';
import { layerTypes } from './layer-types.ts';
import { llamaLike, type LlamaLike } from './llama-like.ts';
import { readRope, ropeFields } from './read-rope.ts';

const own = z.looseObject({
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
  use_sliding_window: optional(z.boolean(), false),
  sliding_window: switchedWindow(4096),
  max_window_layers: optional(z.number().int().nonnegative(), 28),
  layer_types: z.array(z.string()).nullish(),
});

/** Default sizes that all generations of Qwen share. */
export const qwenDefaults: SizeDefaults = {
  vocab_size: 151936,
  hidden_size: 4096,
  intermediate_size: 22016,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
};

interface Generation extends Pick<LlamaLike, 'family' | 'path' | 'queryKeyNorm'> {
  readonly defaults: SizeDefaults;
  /** Which of queries, keys, values and output have biases, for the value of the field `attention_bias`. */
  readonly biases: (attentionBias: boolean) => NonNullable<LlamaLike['biases']>;
}

/** Reads the config.json of any generation of Qwen. In all of them, later layers may have sliding windows. */
export function parseQwen(json: unknown, { path, defaults, biases, ...generation }: Generation): DecoderConfig {
  const features = new Features(json, path, own);
  const sizes = parseWith(sizesSchema(defaults), json, path);
  const fields = parseWith(own, json, path);
  const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...sizes, defaultTheta: 10000 });
  const window = fields.use_sliding_window ? fields.sliding_window : undefined;
  const types = layerTypes(fields.layer_types, {
    features,
    path,
    layers: sizes.layers,
    fallback: (index) =>
      window !== undefined && index >= fields.max_window_layers ? 'sliding_attention' : 'full_attention',
  });
  const activation = features.activation('hidden_act', fields.hidden_act);
  features.check();
  return llamaLike({
    ...generation,
    path,
    sizes,
    activation,
    layer: (index) => ({ rope, window: types[index] === 'sliding_attention' ? window : undefined }),
    longest: rope,
    biases: biases(fields.attention_bias),
  });
}
