import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, positiveInteger, sizesSchema } from './fields.ts';
import { layerTypes } from './layer-types.ts';
import { llamaLike } from './llama-like.ts';
import { readRope, ropeFields } from './read-rope.ts';

const sizes = sizesSchema({
  vocab_size: 128256,
  hidden_size: 2048,
  intermediate_size: 11008,
  num_hidden_layers: 36,
  num_attention_heads: 16,
  num_key_value_heads: 4,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: true,
});

const own = z.looseObject({
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
  mlp_bias: optional(z.boolean(), false),
  /** 1 for a layer with a rotary embedding, in spite of the name. */
  no_rope_layers: z.array(z.number()).nullish(),
  no_rope_layer_interval: optional(positiveInteger, 4),
  use_sliding_window: optional(z.boolean(), false),
  sliding_window: positiveInteger.nullish(),
  layer_types: z.array(z.string()).nullish(),
});

/** SmolLM3: every fourth layer has no rotary embedding. */
export const smollm3: DecoderFamily = {
  modelType: 'smollm3',
  architecture: 'SmolLM3ForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const read = parseWith(sizes, json, path);
    const fields = parseWith(own, json, path);
    const { attention_bias: bias, mlp_bias: mlp } = fields;
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...read, defaultTheta: 2_000_000 });
    const turns = (index: number): boolean =>
      (fields.no_rope_layers?.[index] ?? (index + 1) % fields.no_rope_layer_interval) !== 0;
    const window = fields.use_sliding_window ? (fields.sliding_window ?? undefined) : undefined;
    const types = layerTypes(fields.layer_types, {
      features,
      path,
      layers: read.layers,
      fallback: (index) => (window !== undefined && !turns(index) ? 'sliding_attention' : 'full_attention'),
    });
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    return llamaLike({
      family: 'smollm3',
      path,
      sizes: read,
      activation,
      layer: (index) => ({
        rope: turns(index) ? rope : undefined,
        window: types[index] === 'sliding_attention' ? window : undefined,
      }),
      longest: rope,
      biases: { queryKeyValue: bias, output: bias, mlp },
    });
  },
};
