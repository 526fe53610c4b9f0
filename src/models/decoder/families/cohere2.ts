import { z } from 'zod';

import { flag, nullable, optional, positiveInteger } from './fields.ts';
import { cohereTraits } from './cohere-traits.ts';
import { layerTypes } from './layer-types.ts';
import { llamaFamily } from './llama-family.ts';

/** Command R7B and A: like Command R; three layers with a sliding window and a rotary embedding, then one with neither. */
export const cohere2 = llamaFamily({
  modelType: 'cohere2',
  architecture: 'Cohere2ForCausalLM',
  sizes: {
    vocab_size: 256000,
    hidden_size: 8192,
    intermediate_size: 22528,
    num_hidden_layers: 40,
    num_attention_heads: 64,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  epsilon: 'layer_norm_eps',
  rope: { theta: 10000, interleaved: true },
  fields: z.looseObject({
    attention_bias: flag(),
    logit_scale: optional(z.number(), 0.0625),
    sliding_window: nullable(positiveInteger, 4096),
    sliding_window_pattern: optional(positiveInteger, 4),
    layer_types: z.array(z.string()).nullish(),
  }),
  traits: ({ attention_bias: bias, logit_scale: logitScale, ...fields }, { rope, sizes, features, path }) => {
    const types = layerTypes(fields.layer_types, {
      features,
      path,
      layers: sizes.layers,
      fallback: (index) => ((index + 1) % fields.sliding_window_pattern ? 'sliding_attention' : 'full_attention'),
    });
    return {
      ...cohereTraits,
      logitScale,
      biases: { queryKeyValue: bias, output: bias },
      layer: (index) =>
        types[index] === 'sliding_attention' && fields.sliding_window !== undefined
          ? { rope, window: fields.sliding_window }
          : {},
    };
  },
});
