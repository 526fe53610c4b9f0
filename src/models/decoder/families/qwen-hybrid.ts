import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { Activation } from '../../graph/activation.ts';
import type { FeedForward } from '../../graph/mixture.ts';
import type { GatedDeltaLayer } from '../../graph/recurrent/gated-delta.ts';
import type { DecoderFamily } from './decoder-family.ts';
import type { Features } from './features.ts';
import { optional, positiveInteger, type SizeDefaults, type Sizes } from './fields.ts';
import { typesOfLayers } from './layer-types.ts';
import { parseLlamaFamily, type LlamaFamily } from './llama-family.ts';
import type { LlamaLike } from './llama-like.ts';
import { gatedMlp, mixtureOf, mixtureSizes, type MixtureSizes } from './mixtures.ts';
import { textPart } from './text-part.ts';

const layerNumber = z.number().int().nonnegative();

const own = z.looseObject({
  attention_bias: optional(z.boolean(), false),
  attn_output_gate: optional(z.boolean(), true),
  layer_types: z.array(z.string()).nullish(),
  full_attention_interval: optional(positiveInteger, 4),
  linear_conv_kernel_dim: optional(positiveInteger, 4),
  linear_key_head_dim: optional(positiveInteger, 128),
  linear_value_head_dim: optional(positiveInteger, 128),
  linear_num_key_heads: optional(positiveInteger, 16),
  linear_num_value_heads: optional(positiveInteger, 32),
  decoder_sparse_step: optional(positiveInteger, 1),
  mlp_only_layers: optional(z.array(layerNumber), []),
  moe_intermediate_size: optional(positiveInteger, 512),
  shared_expert_intermediate_size: optional(positiveInteger, 512),
  norm_topk_prob: optional(z.boolean(), true),
  num_experts: layerNumber.nullish(),
  num_local_experts: layerNumber.nullish(),
  num_experts_per_tok: positiveInteger.nullish(),
});

type Fields = z.infer<typeof own>;

interface Generation {
  readonly modelType: string;
  readonly architecture: string;
  readonly sizes: SizeDefaults;
  /** Whether the inputs of the delta rule are two matrices in place of four. */
  readonly packed: boolean;
  /** Which layers are a mixture: none, all, or those that the file leaves to it. */
  readonly mixture?: { readonly layers: 'all' | 'listed'; readonly defaults: MixtureSizes };
}

/** The settings of a Qwen with the gated delta rule in most layers and gated attention in the others. */
function settings({ modelType, architecture, sizes, packed, mixture }: Generation): LlamaFamily<Fields> {
  return {
    modelType,
    architecture,
    sizes,
    rope: { theta: 10_000, partial: 0.25 },
    fields: own,
    traits(fields, { sizes: read, rope, features, path }) {
      const { attention_bias: bias, full_attention_interval: interval } = fields;
      if (!fields.attn_output_gate) features.refuse('attn_output_gate', false, 'true in this family');
      const types = typesOfLayers(fields.layer_types, {
        features,
        path,
        layers: read.layers,
        types: ['full_attention', 'linear_attention'],
        fallback: (index) => ((index + 1) % interval === 0 ? 'full_attention' : 'linear_attention'),
      });
      const activation = activationOf(fields, features);
      const delta = deltaOf(fields, { sizes: read, path, activation, packed });
      return {
        activation,
        layer: () => ({ rope }),
        biases: { queryKeyValue: bias, output: bias },
        normOffset: 1,
        queryKeyNorm: 'head',
        gatedOutput: true,
        recurrent: (index, block) => (types[index] === 'linear_attention' ? delta(block) : undefined),
        ...(mixture && { feedForward: mixtures(fields, { sizes: read, path, activation, mixture }) }),
      };
    },
  };
}

function activationOf(fields: Fields, features: Features): Activation {
  const { hidden_act: act } = z.looseObject({ hidden_act: optional(z.string(), 'silu') }).parse(fields);
  return features.activation('hidden_act', act);
}

interface DeltaContext {
  readonly sizes: Sizes;
  readonly path: string;
  readonly activation: Activation;
  readonly packed: boolean;
}

/** @throws EspalierError MODEL_CONFIG_INVALID if the number of value heads is not a multiple of that of key heads */
function deltaOf(
  fields: Fields,
  { sizes, path: file, activation, packed }: DeltaContext,
): (block: string) => GatedDeltaLayer {
  const { linear_num_key_heads: keyHeads, linear_num_value_heads: heads } = fields;
  const { linear_key_head_dim: keyDim, linear_value_head_dim: valueDim, linear_conv_kernel_dim: taps } = fields;
  if (heads % keyHeads !== 0) {
    const problems = `${heads} value heads of linear attention cannot share ${keyHeads} key heads evenly`;
    throw new EspalierError('MODEL_CONFIG_INVALID', { path: file, problems });
  }
  const [keys, values] = [keyHeads * keyDim, heads * valueDim];
  const { hiddenSize, epsilon } = sizes;
  return (block) => {
    const path = `${block}.linear_attn`;
    const input = (name: string, out: number) => ({ path: `${path}.${name}`, in: hiddenSize, out, bias: false });
    return {
      kind: 'gated-delta',
      path,
      projections: packed
        ? {
            kind: 'packed',
            qkvz: input('in_proj_qkvz', 2 * keys + 2 * values),
            ba: input('in_proj_ba', 2 * heads),
          }
        : {
            kind: 'separate',
            qkv: input('in_proj_qkv', 2 * keys + values),
            z: input('in_proj_z', values),
            b: input('in_proj_b', heads),
            a: input('in_proj_a', heads),
          },
      conv: { path: `${path}.conv1d`, channels: 2 * keys + values, taps, bias: false },
      keyHeads,
      share: heads / keyHeads,
      keyDim,
      valueDim,
      activation,
      norm: { path: `${path}.norm`, kind: 'rms', width: valueDim, epsilon, offset: 0 },
      output: { path: `${path}.out_proj`, in: values, out: hiddenSize, bias: false },
    };
  };
}

interface MixtureContext extends Omit<DeltaContext, 'packed'> {
  readonly mixture: NonNullable<Generation['mixture']>;
}

function mixtures(
  fields: Fields,
  { sizes, path, activation, mixture }: MixtureContext,
): NonNullable<LlamaLike['feedForward']> {
  if ((fields.num_experts ?? fields.num_local_experts) === 0) return () => undefined;
  const { hiddenSize, layers } = sizes;
  const counts = mixtureSizes(fields, { path, layers, defaults: mixture.defaults });
  const { moe_intermediate_size: inner, shared_expert_intermediate_size: sharedInner } = fields;
  const isListed = mixture.layers === 'listed';
  const isDense = (index: number): boolean =>
    isListed && (fields.mlp_only_layers.includes(index) || (index + 1) % fields.decoder_sparse_step !== 0);
  return (index, block): FeedForward | undefined => {
    if (isDense(index)) return undefined;
    const mlp = `${block}.mlp`;
    const shared = {
      mlp: gatedMlp(`${mlp}.shared_expert`, { hiddenSize, inner: sharedInner, activation }),
      gate: { path: `${mlp}.shared_expert_gate`, in: hiddenSize, out: 1, bias: false },
    };
    const normalizes = isListed ? fields.norm_topk_prob : true;
    return mixtureOf({ path: mlp, hiddenSize, inner, activation, normalizes, shared, ...counts });
  };
}

/** A part of the network that predicts several tokens, which transformers does not use either. */
const isSpeculative = (name: string): boolean => name.startsWith('mtp.');

function textFamily(generation: Generation): DecoderFamily {
  const { modelType: family, architecture } = generation;
  return {
    modelType: family,
    architecture,
    parse: (json, path) => parseLlamaFamily(settings(generation), json, { path, family }),
    isForeign: isSpeculative,
  };
}

/** The network for images and text around a text network. Espalier uses the text part. */
function multimodalFamily(text: Generation, modelType: string): DecoderFamily {
  return {
    modelType,
    architecture: text.architecture.replace('ForCausalLM', 'ForConditionalGeneration'),
    parse(json, path) {
      const place = { path, family: modelType, root: 'model.language_model' };
      return parseLlamaFamily(settings(text), textPart(json, path), place);
    },
    isForeign: (name) => isSpeculative(name) || /^(model\.)?visual\./.test(name),
  };
}

const common = {
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
  num_attention_heads: 16,
  head_dim: 256,
};

const text35: Generation = {
  modelType: 'qwen3_5_text',
  architecture: 'Qwen3_5ForCausalLM',
  sizes: {
    ...common,
    vocab_size: 248320,
    hidden_size: 4096,
    intermediate_size: 12288,
    num_hidden_layers: 32,
    num_key_value_heads: 4,
  },
  packed: false,
};

const text35Moe: Generation = {
  modelType: 'qwen3_5_moe_text',
  architecture: 'Qwen3_5MoeForCausalLM',
  sizes: {
    ...common,
    vocab_size: 248320,
    hidden_size: 2048,
    // No layer is dense, so that this width is never used.
    intermediate_size: 5632,
    num_hidden_layers: 40,
    num_key_value_heads: 2,
  },
  packed: false,
  mixture: { layers: 'all', defaults: { experts: 256, perToken: 8 } },
};

/** Qwen3-Next: the gated delta rule in three of four layers, and a mixture with a shared expert in all that are not listed as dense. */
export const qwen3Next = textFamily({
  modelType: 'qwen3_next',
  architecture: 'Qwen3NextForCausalLM',
  sizes: {
    ...common,
    vocab_size: 151936,
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 48,
    num_key_value_heads: 2,
  },
  packed: true,
  mixture: { layers: 'listed', defaults: { experts: 512, perToken: 10 } },
});

/** Qwen3.5, dense and with experts, each as a text network and inside the network for images and text. */
export const qwen35Text = textFamily(text35);
export const qwen35 = multimodalFamily(text35, 'qwen3_5');
export const qwen35MoeText = textFamily(text35Moe);
export const qwen35Moe = multimodalFamily(text35Moe, 'qwen3_5_moe');
