import { z } from 'zod';

import type { LinearLayer } from '../../graph/linear.ts';
import type { MlpLayer } from '../../graph/mlp.ts';
import type { RecurrentLayer } from '../../graph/recurrent/recurrent-layer.ts';
import { optional, positiveInteger, type Sizes } from './fields.ts';
import { typesOfLayers } from './layer-types.ts';
import { llamaFamily, type FamilyParts } from './llama-family.ts';
import type { LlamaLike } from './llama-like.ts';

/** The fields of config.json that all generations of LFM2 have. */
export const lfm2Fields = z.looseObject({
  conv_bias: optional(z.boolean(), false),
  conv_L_cache: optional(positiveInteger, 3),
  full_attn_idxs: z.array(z.number().int().nonnegative()).nullish(),
  layer_types: z.array(z.string()).nullish(),
  tie_embedding: z.boolean().nullish(),
});

const own = lfm2Fields.extend({
  block_ff_dim: positiveInteger.nullish(),
  block_multiple_of: optional(positiveInteger, 256),
  block_ffn_dim_multiplier: z.number().positive().nullish(),
  block_auto_adjust_ff_dim: optional(z.boolean(), true),
});

/** LFM2: gated short convolutions in most layers, attention in the others. */
export const lfm2 = llamaFamily({
  modelType: 'lfm2',
  architecture: 'Lfm2ForCausalLM',
  sizes: {
    vocab_size: 65536,
    hidden_size: 2560,
    intermediate_size: 12288,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 128_000,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  epsilon: 'norm_eps',
  rope: { theta: 1_000_000 },
  fields: own,
  traits(fields, parts) {
    const intermediateSize = innerSize(fields, parts.sizes);
    return lfm2Traits(fields, { ...parts, sizes: { ...parts.sizes, intermediateSize } });
  },
});

/** What all generations of LFM2 have in common. Its feed-forward parts are dense. */
export function lfm2Traits(
  fields: z.infer<typeof lfm2Fields>,
  { sizes: read, rope, features, path }: FamilyParts,
): Partial<LlamaLike> {
  const { conv_bias: bias, conv_L_cache: taps, full_attn_idxs: attended } = fields;
  const { hiddenSize, layers } = read;
  const types = typesOfLayers(fields.layer_types, {
    features,
    path,
    layers,
    types: ['full_attention', 'conv'],
    fallback: (index) => (attended?.includes(index) === false ? 'conv' : 'full_attention'),
  });
  const conv = (block: string): RecurrentLayer => ({
    kind: 'short-conv',
    path: `${block}.conv`,
    input: linear(`${block}.conv.in_proj`, hiddenSize, 3 * hiddenSize, bias),
    conv: { path: `${block}.conv.conv`, channels: hiddenSize, taps, bias },
    output: linear(`${block}.conv.out_proj`, hiddenSize, hiddenSize, bias),
  });
  return {
    sizes: { ...read, tied: fields.tie_embedding ?? read.tied },
    activation: 'silu',
    layer: () => ({ rope }),
    queryKeyNorm: 'head',
    normNames: {
      attention: 'operator_norm',
      mlp: 'ffn_norm',
      query: 'q_layernorm',
      key: 'k_layernorm',
      last: 'embedding_norm',
    },
    outputName: 'out_proj',
    recurrent: (index, block) => (types[index] === 'conv' ? conv(block) : undefined),
    feedForward: (_, block) => denseMlp(`${block}.feed_forward`, read),
  };
}

function denseMlp(path: string, { hiddenSize, intermediateSize }: Sizes): MlpLayer {
  return {
    kind: 'gated',
    path,
    activation: 'silu',
    gate: linear(`${path}.w1`, hiddenSize, intermediateSize),
    up: linear(`${path}.w3`, hiddenSize, intermediateSize),
    down: linear(`${path}.w2`, intermediateSize, hiddenSize),
  };
}

function linear(path: string, width: number, out: number, bias = false): LinearLayer {
  return { path, in: width, out, bias };
}

/** The width of the feed-forward part, which the file gives before it is reduced and rounded. */
function innerSize(fields: z.infer<typeof own>, { intermediateSize }: Pick<Sizes, 'intermediateSize'>): number {
  const given = fields.block_ff_dim ?? intermediateSize;
  if (!fields.block_auto_adjust_ff_dim) return given;
  const { block_multiple_of: multiple, block_ffn_dim_multiplier: factor } = fields;
  return multiple * Math.ceil(Math.trunc((factor ?? 1) * Math.trunc((2 * given) / 3)) / multiple);
}
