import { z } from 'zod';

import { nullable, positiveInteger } from './fields.ts';
import { llamaFamily, type LlamaFamily } from './llama-family.ts';

const growth = z
  .looseObject({
    llama_4_scaling_beta: z.number().nullish(),
    original_max_position_embeddings: z.number().positive().nullish(),
  })
  .nullish();

const schema = z.looseObject({
  sliding_window: nullable(positiveInteger, undefined),
  rope_parameters: growth,
  rope_scaling: growth,
});

/** The default of transformers for the rotary embedding. */
const unsaid = {
  rope_type: 'yarn',
  rope_theta: 1_000_000,
  factor: 16,
  original_max_position_embeddings: 16384,
  beta_fast: 32,
  beta_slow: 1,
  mscale: 1,
  mscale_all_dim: 1,
  llama_4_scaling_beta: 0.1,
};

/** Ministral 3: Mistral whose queries grow with the logarithm of the position. */
export const ministral3Settings: LlamaFamily<z.infer<typeof schema>> = {
  modelType: 'ministral3',
  architecture: 'Ministral3ForCausalLM',
  sizes: {
    vocab_size: 131072,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 34,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    max_position_embeddings: 262144,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  rope: { theta: 10000, unsaid },
  fields: schema,
  traits: ({ sliding_window: window, ...fields }, { rope, features }) => {
    const given = fields.rope_scaling ?? fields.rope_parameters ?? unsaid;
    const { llama_4_scaling_beta: beta, original_max_position_embeddings: length } = given;
    // transformers cannot compute without either number.
    if (typeof beta !== 'number') features.refuse('rope_parameters.llama_4_scaling_beta', beta, 'a number');
    if (typeof length !== 'number')
      features.refuse('rope_parameters.original_max_position_embeddings', length, 'a number');
    return {
      layer: () => ({ rope, window }),
      ...(beta && length && { queryGrowth: { beta, length } }),
    };
  },
};

export const ministral3 = llamaFamily(ministral3Settings);
