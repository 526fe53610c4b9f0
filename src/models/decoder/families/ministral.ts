import { z } from 'zod';

import { nullable, positiveInteger } from './fields.ts';
import { layerTypes } from './layer-types.ts';
import { llamaFamily } from './llama-family.ts';

/** Ministral 8B: Mistral with a window in some of the layers. */
export const ministral = llamaFamily({
  modelType: 'ministral',
  architecture: 'MinistralForCausalLM',
  sizes: {
    vocab_size: 32000,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
  },
  rope: { theta: 10000 },
  fields: z.looseObject({
    sliding_window: nullable(positiveInteger, 4096),
    layer_types: z.array(z.string()).nullish(),
  }),
  traits: ({ sliding_window: window, layer_types: given }, { rope, sizes, features, path }) => {
    const types = layerTypes(given, {
      features,
      path,
      layers: sizes.layers,
      fallback: () => (window === undefined ? 'full_attention' : 'sliding_attention'),
    });
    return { layer: (index) => ({ rope, window: types[index] === 'sliding_attention' ? window : undefined }) };
  },
});
