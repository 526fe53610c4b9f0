import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { Activation } from '../../graph/activation.ts';
import type { FeedForward } from '../../graph/mixture.ts';
import { parseWith } from '../../parse-with.ts';
import type { DecoderConfig } from '../decoder-config.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, positiveInteger, sizesSchema, switchedWindow, type SizeDefaults } from './fields.ts';
import { layerTypes } from './layer-types.ts';
import { llamaLike, type LlamaLike } from './llama-like.ts';
import { gatedMlp, mixtureFields, mixtureOf, mixtureSizes, type MixtureSizes } from './mixtures.ts';
import { readRope, ropeFields } from './read-rope.ts';

const layerNumber = z.number().int().nonnegative();

const own = z.looseObject({
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
  qkv_bias: optional(z.boolean(), true),
  use_sliding_window: optional(z.boolean(), false),
  sliding_window: switchedWindow(4096),
  max_window_layers: optional(layerNumber, 28),
  layer_types: z.array(z.string()).nullish(),
  decoder_sparse_step: optional(z.number().int(), 1),
  mlp_only_layers: optional(z.array(layerNumber), []),
  moe_intermediate_size: positiveInteger.nullish(),
  shared_expert_intermediate_size: optional(positiveInteger, 5632),
  norm_topk_prob: optional(z.boolean(), false),
});

type Fields = z.infer<typeof own>;

interface Generation {
  readonly family: string;
  readonly defaults: SizeDefaults;
  readonly mixture: MixtureSizes & { readonly inner: number };
  readonly biases: (fields: Fields) => NonNullable<LlamaLike['biases']>;
  readonly queryKeyNorm?: LlamaLike['queryKeyNorm'];
  /** Whether each layer of a mixture has a part that computes every token. */
  readonly shares: boolean;
  /** Whether a layer has a sliding window, if the file does not list the types of the layers. */
  readonly hasWindow: (index: number, fields: Fields) => boolean;
}

/** Reads the config.json of a Qwen with experts. Some layers may be dense. */
function parseQwenMoe(json: unknown, path: string, generation: Generation): DecoderConfig {
  const features = new Features(json, path, mixtureFields.extend(own.shape));
  const { defaults, family, biases, queryKeyNorm, hasWindow } = generation;
  const sizes = parseWith(sizesSchema(defaults), json, path);
  const fields = parseWith(own, json, path);
  const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...sizes, defaultTheta: 10000 });
  const window = fields.use_sliding_window ? fields.sliding_window : undefined;
  const types = layerTypes(fields.layer_types, {
    features,
    path,
    layers: sizes.layers,
    fallback: (index) => (hasWindow(index, fields) ? 'sliding_attention' : 'full_attention'),
  });
  const activation = features.activation('hidden_act', fields.hidden_act);
  features.check();
  return llamaLike({
    family,
    path,
    sizes,
    activation,
    layer: (index) => ({ rope, window: types[index] === 'sliding_attention' ? window : undefined }),
    longest: rope,
    biases: biases(fields),
    ...(queryKeyNorm && { queryKeyNorm }),
    feedForward: mixtures(json, { path, ...sizes, fields, activation, generation }),
  });
}

interface MixtureContext {
  readonly path: string;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly fields: Fields;
  readonly activation: Activation;
  readonly generation: Generation;
}

function mixtures(
  json: unknown,
  { path, layers, hiddenSize, fields, activation, generation }: MixtureContext,
): NonNullable<LlamaLike['feedForward']> {
  const { mixture, shares } = generation;
  const step = fields.decoder_sparse_step;
  if (step < 1)
    throw new EspalierError('MODEL_CONFIG_INVALID', {
      path,
      problems: `decoder_sparse_step is ${step}, expected 1 or more`,
    });
  const sizes = mixtureSizes(json, { path, layers, defaults: mixture });
  const inner = fields.moe_intermediate_size ?? mixture.inner;
  return (index, block): FeedForward | undefined => {
    if (fields.mlp_only_layers.includes(index) || (index + 1) % step !== 0) return undefined;
    const mlp = `${block}.mlp`;
    const sharedInner = fields.shared_expert_intermediate_size;
    const shared = {
      mlp: gatedMlp(`${mlp}.shared_expert`, { hiddenSize, inner: sharedInner, activation }),
      gate: { path: `${mlp}.shared_expert_gate`, in: hiddenSize, out: 1, bias: false },
    };
    const normalizes = fields.norm_topk_prob;
    return mixtureOf({ path: mlp, hiddenSize, inner, activation, normalizes, ...sizes, ...(shares && { shared }) });
  };
}

const common = {
  vocab_size: 151936,
  hidden_size: 2048,
  num_hidden_layers: 24,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
};

/** Qwen1.5-MoE and Qwen2-MoE: beside the experts, a part with a gate of its own computes every token. */
export const qwen2Moe: DecoderFamily = {
  modelType: 'qwen2_moe',
  architecture: 'Qwen2MoeForCausalLM',
  parse: (json, path) =>
    parseQwenMoe(json, path, {
      family: 'qwen2_moe',
      defaults: { ...common, intermediate_size: 5632, num_attention_heads: 16, num_key_value_heads: 16 },
      mixture: { experts: 60, perToken: 4, inner: 1408 },
      biases: ({ qkv_bias: bias }) => ({ queryKeyValue: bias }),
      shares: true,
      hasWindow: (index, fields) => index % 2 === 0 && index < fields.max_window_layers,
    }),
};

/** Qwen3-MoE: the attention of Qwen3, and experts without a shared part. A window applies to all layers. */
export const qwen3Moe: DecoderFamily = {
  modelType: 'qwen3_moe',
  architecture: 'Qwen3MoeForCausalLM',
  parse: (json, path) =>
    parseQwenMoe(json, path, {
      family: 'qwen3_moe',
      defaults: { ...common, intermediate_size: 6144, num_attention_heads: 32, num_key_value_heads: 4 },
      mixture: { experts: 128, perToken: 8, inner: 768 },
      biases: ({ attention_bias: bias }) => ({ queryKeyValue: bias, output: bias }),
      queryKeyNorm: 'head',
      shares: false,
      hasWindow: () => true,
    }),
};
