import { z } from 'zod';

import { optional } from './fields.ts';
import { llamaFamily } from './llama-family.ts';
import { mamba2Fields, mamba2Layers } from './mamba2-layers.ts';
import { gatedMlp } from './mixtures.ts';

const own = z.looseObject({
  ...mamba2Fields,
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
  mlp_bias: optional(z.boolean(), false),
  attn_layer_indices: z.array(z.number().int().nonnegative()).nullish(),
});

/** Bamba: Mamba 2 in most layers, attention in those that the file lists. */
export const bamba = llamaFamily({
  modelType: 'bamba',
  architecture: 'BambaForCausalLM',
  sizes: {
    vocab_size: 128000,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 262144,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  rope: { theta: 10_000, partial: 0.5 },
  fields: own,
  traits(fields, { sizes, rope, features, path }) {
    const { attention_bias: bias, mlp_bias: mlp, attn_layer_indices: attended } = fields;
    const activation = features.activation('hidden_act', fields.hidden_act);
    const { hiddenSize, intermediateSize: inner } = sizes;
    const mamba = mamba2Layers(fields, { features, path, sizes, activation });
    if (mlp) features.refuse('mlp_bias', mlp, 'false in this family');
    // Transformers sets this share whatever the file says.
    const turned = Math.trunc(sizes.headDim / 2);
    if (rope.dims !== turned) features.refuse('partial_rotary_factor', rope.dims / sizes.headDim, '0.5 in this family');
    const isAttended = (index: number): boolean => attended?.includes(index) === true;
    return {
      activation,
      layer: () => ({ rope }),
      biases: { queryKeyValue: bias, output: bias },
      normNames: { mlp: 'pre_ff_layernorm', last: 'final_layernorm' },
      recurrent: (index, block) => (isAttended(index) ? undefined : mamba(block)),
      feedForward: (_, block) => gatedMlp(`${block}.feed_forward`, { hiddenSize, inner, activation }),
    };
  },
});
