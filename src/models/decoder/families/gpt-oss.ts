import { z } from 'zod';

import type { MixtureLayer } from '../../graph/mixture.ts';
import { flag, nullable, optional, positiveInteger } from './fields.ts';
import { layerTypes } from './layer-types.ts';
import { llamaFamily, type FamilyParts } from './llama-family.ts';
import { mixtureFields, mixtureSizes, type MixtureSizes } from './mixtures.ts';

/** A number that transformers does not read from the configuration. */
const limit = 7;

const own = mixtureFields.extend({
  attention_bias: flag(true),
  sliding_window: nullable(positiveInteger, 128),
  layer_types: z.array(z.string()).nullish(),
  swiglu_limit: optional(z.number(), limit),
});

/**
 * gpt-oss: a sink for each head, a window in every other layer, and experts with biases, in which the columns of gate and up alternate.
 * Their matrices are stored as [in, out], or in blocks of MXFP4.
 */
export const gptOss = llamaFamily({
  modelType: 'gpt_oss',
  architecture: 'GptOssForCausalLM',
  sizes: {
    vocab_size: 201088,
    hidden_size: 2880,
    intermediate_size: 2880,
    num_hidden_layers: 36,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    head_dim: 64,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  rope: {
    theta: 150000,
    unsaid: {
      rope_type: 'yarn',
      factor: 32,
      beta_fast: 32,
      beta_slow: 1,
      truncate: false,
      original_max_position_embeddings: 4096,
    },
  },
  fields: own,
  traits(fields, parts) {
    const { sizes, rope, features, path } = parts;
    if (fields.swiglu_limit !== limit) features.refuse('swiglu_limit', fields.swiglu_limit, String(limit));
    const types = layerTypes(fields.layer_types, {
      features,
      path,
      layers: sizes.layers,
      fallback: (index) => (index % 2 === 0 ? 'sliding_attention' : 'full_attention'),
    });
    const defaults = { experts: 128, perToken: 4 };
    const experts = mixtureSizes(fields, { path, layers: sizes.layers, defaults });
    return {
      layer: (index) => ({
        rope,
        window: types[index] === 'sliding_attention' ? fields.sliding_window : undefined,
      }),
      biases: { queryKeyValue: fields.attention_bias, output: fields.attention_bias },
      sinks: true,
      feedForward: (_, block) => mixture(`${block}.mlp`, { ...parts, ...experts }),
    };
  },
});

function mixture(path: string, { sizes, experts, perToken }: FamilyParts & MixtureSizes): MixtureLayer {
  const { hiddenSize: hidden, intermediateSize: inner } = sizes;
  const layer = { bias: true, transposed: true } as const;
  return {
    kind: 'mixture',
    path,
    activation: 'quick-gelu',
    limit,
    router: { path: `${path}.router`, experts, hidden, perToken, bias: true, normalizes: true },
    experts: Array.from({ length: experts }, (_, i) => ({
      gateUp: { path: `${path}.experts.${i}.gate_up_proj`, in: hidden, out: 2 * inner, ...layer },
      down: { path: `${path}.experts.${i}.down_proj`, in: inner, out: hidden, ...layer },
    })),
  };
}
