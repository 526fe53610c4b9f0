import { z } from 'zod';

import { nullable, optional, positiveInteger } from './fields.ts';
import { layerTypes } from './layer-types.ts';
import { llamaFamily } from './llama-family.ts';

/** EXAONE 4: norms after the branches and over heads. In the models with windows, the layers without a window have no rotary embedding. */
export const exaone4 = llamaFamily({
  modelType: 'exaone4',
  architecture: 'Exaone4ForCausalLM',
  sizes: {
    vocab_size: 102400,
    hidden_size: 4096,
    intermediate_size: 16384,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  rope: { theta: 10000 },
  fields: z.looseObject({
    sliding_window: nullable(positiveInteger, 4096),
    /** Every n-th layer attends to all tokens; or the letters L (window) and G (all tokens), repeated. */
    sliding_window_pattern: optional(z.union([z.number().int().nonnegative(), z.string().regex(/^[LG]+$/)]), 4),
    layer_types: z.array(z.string()).nullish(),
  }),
  traits: ({ sliding_window: window, sliding_window_pattern: pattern, ...fields }, { rope, sizes, features, path }) => {
    const isLocal = (index: number): boolean =>
      typeof pattern === 'string' ? pattern[index % pattern.length] === 'L' : (index + 1) % pattern !== 0;
    const types = layerTypes(fields.layer_types, {
      features,
      path,
      layers: sizes.layers,
      fallback: (index) => (window !== undefined && isLocal(index) ? 'sliding_attention' : 'full_attention'),
    });
    return {
      norms: 'behind',
      queryKeyNorm: 'head',
      layer: (index) => {
        if (window === undefined) return { rope };
        return types[index] === 'sliding_attention' ? { rope, window } : {};
      },
    };
  },
});
