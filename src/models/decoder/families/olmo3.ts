import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { RopeConfig } from '../rope.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { flag, nullable, optional, positiveInteger, sizesSchema } from './fields.ts';
import { layerTypes, type LayerType } from './layer-types.ts';
import { llamaLike } from './llama-like.ts';
import { ropeOf, ropeParameters, type RopeContext } from './read-rope.ts';

const sizesOf = sizesSchema({
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
  attention_bias: flag(),
  sliding_window: nullable(positiveInteger, 4096),
  layer_types: z.array(z.string()).nullish(),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: ropeParameters.nullish(),
  rope_parameters: z
    .strictObject({ full_attention: ropeParameters.nullish(), sliding_attention: ropeParameters.nullish() })
    .nullish(),
});

/** OLMo 3: OLMo 2 with three layers with a window before each layer without; the two kinds have rotary settings of their own. */
export const olmo3: DecoderFamily = {
  modelType: 'olmo3',
  architecture: 'Olmo3ForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const sizes = parseWith(sizesOf, json, path);
    const fields = parseWith(own, json, path);
    const ropes = readRopes(fields, { features, path, ...sizes, defaultTheta: 500_000 });
    const types = layerTypes(fields.layer_types, {
      features,
      path,
      layers: sizes.layers,
      fallback: (index) => ((index + 1) % 4 ? 'sliding_attention' : 'full_attention'),
    });
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    return llamaLike({
      family: 'olmo3',
      path,
      sizes,
      activation,
      layer: (index) => {
        const type = types[index] ?? 'full_attention';
        return { rope: ropes[type], window: type === 'sliding_attention' ? fields.sliding_window : undefined };
      },
      longest: ropes.full_attention,
      biases: { queryKeyValue: fields.attention_bias, output: fields.attention_bias },
      norms: 'behind',
      queryKeyNorm: 'all',
    });
  },
};

/** As in transformers, `rope_theta` and `rope_scaling` of an older file say nothing about the layers with a window. */
function readRopes(fields: z.infer<typeof own>, context: RopeContext): Record<LayerType, RopeConfig> {
  const { full_attention: full, sliding_attention: sliding } = fields.rope_parameters ?? {};
  const all = { ...full, ...fields.rope_scaling };
  return {
    full_attention: ropeOf({ ...all, rope_theta: all.rope_theta ?? fields.rope_theta }, context),
    sliding_attention: ropeOf({ ...sliding }, context),
  };
}
