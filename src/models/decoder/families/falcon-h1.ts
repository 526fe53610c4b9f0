import { z } from 'zod';

import { flag, optional, positiveInteger } from './fields.ts';
import { llamaFamily } from './llama-family.ts';
import { mamba2Fields, mamba2Layers } from './mamba2-layers.ts';
import { gatedMlp } from './mixtures.ts';

const factor = optional(z.number(), 1);

const own = z.looseObject({
  ...mamba2Fields,
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: flag(),
  mlp_bias: flag(),
  projectors_bias: flag(),
  // null means mamba_expand times the hidden size, whatever the default is.
  mamba_d_ssm: z.union([positiveInteger, z.null()]).optional(),
  mamba_rms_norm: flag(),
  mamba_norm_before_gate: flag(true),
  embedding_multiplier: factor,
  lm_head_multiplier: factor,
  key_multiplier: factor,
  attention_in_multiplier: factor,
  attention_out_multiplier: factor,
  ssm_in_multiplier: factor,
  ssm_out_multiplier: factor,
  mlp_multipliers: optional(z.tuple([z.number(), z.number()]), [1, 1]),
  ssm_multipliers: optional(z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()]), [1, 1, 1, 1, 1]),
});

/** Falcon-H1: attention and Mamba 2 side by side in every layer, and factors nearly everywhere. */
export const falconH1 = llamaFamily({
  modelType: 'falcon_h1',
  architecture: 'FalconH1ForCausalLM',
  sizes: {
    vocab_size: 128000,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  rope: { theta: 10_000 },
  fields: own,
  traits(fields, { sizes, features, path }) {
    const { hiddenSize, intermediateSize: inner, headDim } = sizes;
    const { attention_bias: bias, mlp_bias: mlpBias, mamba_d_ssm: channels } = fields;
    const activation = features.activation('hidden_act', fields.hidden_act);
    const [gate, result] = fields.mlp_multipliers;
    const [z0, x, b, c, step] = fields.ssm_multipliers;
    const isScaled = fields.ssm_multipliers.some((value) => value !== 1);
    const norm = { groups: fields.mamba_n_groups, beforeGate: fields.mamba_norm_before_gate };
    const mamba = mamba2Layers(fields, {
      features,
      path,
      sizes,
      activation,
      channels: channels === undefined ? 1024 : (channels ?? undefined),
      outputBias: fields.projectors_bias,
      own: { norm: fields.mamba_rms_norm ? norm : 'none', ...(isScaled && { factors: { gate: z0, x, b, c, step } }) },
    });
    return {
      activation,
      biases: { queryKeyValue: bias, output: bias },
      embeddingScale: fields.embedding_multiplier,
      logitScale: fields.lm_head_multiplier,
      // Keys are multiplied with the factor, and so are their products with queries.
      scale: fields.key_multiplier / Math.sqrt(headDim),
      normNames: { mlp: 'pre_ff_layernorm', last: 'final_layernorm' },
      recurrent: (_, block) => mamba(block),
      beside: {
        attention: { input: fields.attention_in_multiplier, output: fields.attention_out_multiplier },
        recurrent: { input: fields.ssm_in_multiplier, output: fields.ssm_out_multiplier },
      },
      feedForward: (_, block) => ({
        ...gatedMlp(`${block}.feed_forward`, { hiddenSize, inner, activation, bias: mlpBias }),
        scales: { gate, result },
      }),
    };
  },
});
