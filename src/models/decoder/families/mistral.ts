import { z } from 'zod';

import { nullable, positiveInteger } from './fields.ts';
import { llamaFamily, type LlamaFamily } from './llama-family.ts';

const schema = z.looseObject({ sliding_window: nullable(positiveInteger, 4096) });

/** Mistral: Llama with a sliding window in all layers. A null in config.json switches the window off. */
export const mistralSettings: LlamaFamily<z.infer<typeof schema>> = {
  modelType: 'mistral',
  architecture: 'MistralForCausalLM',
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
  fields: schema,
  traits: ({ sliding_window: window }, { rope }) => ({ layer: () => ({ rope, window }) }),
};

export const mistral = llamaFamily(mistralSettings);
