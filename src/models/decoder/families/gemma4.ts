import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { Activation } from '../../graph/activation.ts';
import type { LinearLayer } from '../../graph/linear.ts';
import type { MlpLayer } from '../../graph/mlp.ts';
import type { NormLayer } from '../../graph/norm.ts';
import { parseWith } from '../../parse-with.ts';
import type { AttentionLayer, DecoderBlock, DecoderConfig, KeySizes, Projections } from '../decoder-config.ts';
import type { RopeConfig } from '../rope.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { nullable, optional, positiveInteger, sizesSchema, type Sizes } from './fields.ts';
import { layerTypes, type LayerType } from './layer-types.ts';
import { llamaLike } from './llama-like.ts';
import { ropeOf, ropeParameters, type RopeContext, type RopeParameters } from './read-rope.ts';
import { textPart } from './text-part.ts';

const count = z.number().int().nonnegative();

const own = z.looseObject({
  hidden_activation: optional(z.string(), 'gelu_pytorch_tanh'),
  attention_bias: optional(z.boolean(), false),
  sliding_window: optional(positiveInteger, 512),
  layer_types: z.array(z.string()).nullish(),
  rope_parameters: z
    .looseObject({ full_attention: ropeParameters.nullish(), sliding_attention: ropeParameters.nullish() })
    .nullish(),
  final_logit_softcapping: nullable(z.number().positive(), undefined),
  use_bidirectional_attention: z.string().nullish(),
  vocab_size_per_layer_input: optional(positiveInteger, 262_144),
  hidden_size_per_layer_input: optional(count, 256),
  attention_k_eq_v: optional(z.boolean(), false),
  num_kv_shared_layers: optional(count, 0),
  use_double_wide_mlp: optional(z.boolean(), false),
  enable_moe_block: optional(z.boolean(), false),
  num_experts: positiveInteger.nullish(),
  global_head_dim: optional(positiveInteger, 512),
  num_global_key_value_heads: positiveInteger.nullish(),
  per_layer_config: z.record(z.string(), z.record(z.string(), z.unknown())).nullish(),
});

type Fields = z.output<typeof own>;

const defaults = {
  vocab_size: 262_144,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 30,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: true,
};

/**
 * Gemma 4: four norms in a block with weights as they are, and norms of each head of queries, keys and values. Layers with full attention
 * have larger heads than those with a window, and may have fewer of them. E2B and E4B have further vectors of each token for each block,
 * and their last layers read the keys and values of earlier ones.
 */
export const gemma4: DecoderFamily = {
  modelType: 'gemma4_text',
  architecture: 'Gemma4ForCausalLM',
  parse: (json, path) => parseGemma4(json, { path, family: 'gemma4_text', root: 'model' }),
};

/** The network for texts, images and sound. Espalier uses its text part. */
export const gemma4Multimodal: DecoderFamily = {
  modelType: 'gemma4',
  architecture: 'Gemma4ForConditionalGeneration',
  parse(json, path) {
    return parseGemma4(textPart(json, path, true), { path, family: 'gemma4', root: 'model.language_model' });
  },
  rename: (name) =>
    name.replace(/^language_model\.model\./, 'model.language_model.').replace(/^language_model\.lm_head/, 'lm_head'),
  isForeign: (name) => /^(model\.)?(vision_tower|audio_tower|embed_vision|embed_audio)\./.test(name),
};

interface Place {
  readonly path: string;
  readonly family: string;
  /** The path of the network without its head. */
  readonly root: string;
}

function parseGemma4(json: unknown, place: Place): DecoderConfig {
  const { path } = place;
  const features = new Features(json, path, own);
  const given = parseWith(sizesSchema(defaults), json, path);
  const fields = parseWith(own, json, path);
  const types = layerTypes(fields.layer_types, {
    features,
    path,
    layers: given.layers,
    fallback: (index) => ((index + 1) % 6 ? 'sliding_attention' : 'full_attention'),
  });
  // As in transformers, the last layer has full attention whatever the file says.
  types[types.length - 1] = 'full_attention';
  const keys = keySizes(fields, { given, types, path, features });
  const activation = features.activation('hidden_activation', fields.hidden_activation);
  refuseOthers(fields, given, features);
  const ropes = readRopes(fields, { keys, types, features, path, given });
  features.check();
  // The cache has one size of heads, and one number of them.
  const sizes = {
    ...given,
    headDim: Math.max(...keys.map(({ headDim }) => headDim)),
    kvHeads: Math.max(...keys.map(({ kvHeads }) => kvHeads)),
  };
  checkKeys(keys, sizes, path);
  const plain = llamaLike({
    ...place,
    sizes,
    activation,
    layer: (index) => {
      const type = types[index] ?? 'full_attention';
      return { rope: ropes[type], window: type === 'sliding_attention' ? fields.sliding_window : undefined };
    },
    longest: ropes.full_attention,
    norms: 'both',
    queryKeyNorm: 'head',
    embeddingScale: Math.sqrt(sizes.hiddenSize),
    scale: 1,
    logitSoftcap: fields.final_logit_softcapping,
  });
  const parts: Parts = { ...place, sizes, fields, types, keys, activation };
  const firstShared = sizes.layers - fields.num_kv_shared_layers;
  const sources = types.map((type, index) => (index < firstShared ? index : types.lastIndexOf(type, firstShared - 1)));
  if (sources.includes(-1)) {
    const problems = `no layer before layer ${firstShared} keeps the keys and values that layer ${sources.indexOf(-1)} shares`;
    throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
  }
  return {
    ...plain,
    ...(firstShared < sizes.layers && { kvLayers: firstShared, caches: sources }),
    ...(fields.hidden_size_per_layer_input > 0 && { perLayer: perLayerInputs(parts) }),
    blocks: plain.blocks.map((block, index) => blockOf(block, { ...parts, index, source: sources[index] ?? index })),
  };
}

interface Parts extends Place {
  readonly sizes: Sizes;
  readonly fields: Fields;
  readonly types: readonly LayerType[];
  readonly keys: readonly KeySizes[];
  readonly activation: Activation;
}

interface BlockParts extends Parts {
  readonly index: number;
  /** The layer whose keys and values this one reads: itself, or an earlier one. */
  readonly source: number;
}

function blockOf(plain: DecoderBlock, parts: BlockParts): DecoderBlock {
  const { fields, sizes, activation, index, source } = parts;
  const { path } = plain;
  const { hiddenSize: hidden } = sizes;
  const width = fields.hidden_size_per_layer_input;
  const wide = fields.use_double_wide_mlp && source !== index;
  return {
    ...plain,
    ...(plain.attention && { attention: attentionOf(plain.attention, parts) }),
    mlp: mlpOf(`${path}.mlp`, { hidden, inner: sizes.intermediateSize * (wide ? 2 : 1), activation }),
    ...(width > 0 && {
      perLayer: {
        path,
        activation,
        gate: linear(`${path}.per_layer_input_gate`, hidden, width),
        projection: linear(`${path}.per_layer_projection`, width, hidden),
        norm: rmsNorm(`${path}.post_per_layer_input_norm`, hidden, sizes),
      },
    }),
    outputScale: `${path}.layer_scalar`,
  };
}

function attentionOf(plain: AttentionLayer, { sizes, fields, keys, types, index, source }: BlockParts): AttentionLayer {
  const own = keys[index] ?? sizes;
  const { hiddenSize: hidden, heads } = sizes;
  const { path } = plain;
  const layer = (name: string, num: number): LinearLayer =>
    linear(`${path}.${name}`, hidden, num * own.headDim, fields.attention_bias);
  const norm = (name: string): NormLayer => rmsNorm(`${path}.${name}`, own.headDim, sizes);
  const query = layer('q_proj', heads);
  const key = layer('k_proj', own.kvHeads);
  const isShared = source !== index;
  const projections: Projections = isShared
    ? { kind: 'queries', query, source }
    : fields.attention_k_eq_v && types[index] === 'full_attention'
      ? { kind: 'keys-as-values', query, key }
      : { kind: 'separate', query, key, value: layer('v_proj', own.kvHeads) };
  return {
    ...plain,
    projections,
    output: linear(`${path}.o_proj`, heads * own.headDim, hidden, fields.attention_bias),
    sizes: own,
    queryKeyNorm: { over: 'head', query: norm('q_norm'), key: norm('k_norm') },
    ...(!isShared && { valueNorm: { ...norm('v_norm'), parameters: 'none' as const } }),
  };
}

function mlpOf(
  path: string,
  { hidden, inner, activation }: { readonly hidden: number; readonly inner: number; readonly activation: Activation },
): MlpLayer {
  return {
    path,
    activation,
    kind: 'gated',
    gate: linear(`${path}.gate_proj`, hidden, inner),
    up: linear(`${path}.up_proj`, hidden, inner),
    down: linear(`${path}.down_proj`, inner, hidden),
  };
}

function perLayerInputs({ root, sizes, fields }: Parts): NonNullable<DecoderConfig['perLayer']> {
  const width = fields.hidden_size_per_layer_input;
  return {
    width,
    table: `${root}.embed_tokens_per_layer`,
    rows: fields.vocab_size_per_layer_input,
    tableScale: Math.sqrt(width),
    projection: linear(`${root}.per_layer_model_projection`, sizes.hiddenSize, sizes.layers * width),
    projectionScale: sizes.hiddenSize ** -0.5,
    norm: rmsNorm(`${root}.per_layer_projection_norm`, width, sizes),
  };
}

function linear(path: string, width: number, out: number, bias = false): LinearLayer {
  return { path, in: width, out, bias };
}

function rmsNorm(path: string, width: number, { epsilon }: Sizes): NormLayer {
  return { path, kind: 'rms', width, epsilon, offset: 0 };
}

interface KeyContext {
  readonly given: Sizes;
  readonly types: readonly LayerType[];
  readonly path: string;
  readonly features: Features;
}

const layerSizes = z.looseObject({
  head_dim: positiveInteger.nullish(),
  num_key_value_heads: positiveInteger.nullish(),
});

/**
 * The sizes of each layer's keys: those that `per_layer_config` gives layers by their numbers; where a file lacks it, layers with full
 * attention have those of `global_head_dim` and `num_global_key_value_heads`.
 *
 * WHY layers of one size share an object: the graph has its shapes once for each.
 */
function keySizes(fields: Fields, { given, types, path, features }: KeyContext): readonly KeySizes[] {
  const { per_layer_config: perLayer, attention_k_eq_v: sharesKeys, num_global_key_value_heads: fewer } = fields;
  const known = new Map<string, KeySizes>();
  const one = (kvHeads: number, headDim: number): KeySizes => {
    const name = `${kvHeads} ${headDim}`;
    const sizes = known.get(name) ?? { kvHeads, headDim };
    known.set(name, sizes);
    return sizes;
  };
  if (perLayer) refuseOverrides(perLayer, given.layers, features);
  return types.map((type, index) => {
    if (perLayer) {
      const { head_dim: dim, num_key_value_heads: heads } = parseWith(layerSizes, perLayer[String(index)] ?? {}, path);
      return one(heads ?? given.kvHeads, dim ?? given.headDim);
    }
    if (type === 'sliding_attention') return one(given.kvHeads, given.headDim);
    return one(sharesKeys ? (fewer ?? given.kvHeads) : given.kvHeads, fields.global_head_dim);
  });
}

/** What a layer may have for itself is the size of its keys, and nothing else. */
function refuseOverrides(perLayer: NonNullable<Fields['per_layer_config']>, layers: number, features: Features): void {
  for (const [layer, overrides] of Object.entries(perLayer)) {
    const index = Number(layer);
    if (!(Number.isInteger(index) && index >= 0 && index < layers)) {
      features.refuse('per_layer_config', layer, `the numbers of the ${layers} layers`);
    }
    const others = Object.keys(overrides).filter((name) => name !== 'head_dim' && name !== 'num_key_value_heads');
    for (const name of others) features.refuse(`per_layer_config.${layer}`, name, 'head_dim, num_key_value_heads');
  }
}

function refuseOthers(fields: Fields, { layers, vocabSize }: Sizes, features: Features): void {
  // With `vision`, only the tokens of images see each other in both directions.
  if (fields.use_bidirectional_attention === 'all') {
    features.refuse('use_bidirectional_attention', 'all', 'causal attention');
  }
  if (fields.enable_moe_block) features.refuse('enable_moe_block', 'true', 'dense feed-forward parts in this family');
  const { hidden_size_per_layer_input: width, vocab_size_per_layer_input: rows } = fields;
  if (width > 0 && rows < vocabSize) {
    features.refuse('vocab_size_per_layer_input', rows, `at least the vocabulary, which is ${vocabSize}`);
  }
  if (fields.num_kv_shared_layers >= layers) {
    features.refuse('num_kv_shared_layers', fields.num_kv_shared_layers, `fewer than the layers, which are ${layers}`);
  }
}

/** @throws EspalierError MODEL_CONFIG_INVALID */
function checkKeys(keys: readonly KeySizes[], { heads, kvHeads }: Sizes, path: string): void {
  const odd = keys.find((each) => heads % each.kvHeads !== 0 || kvHeads % each.kvHeads !== 0);
  if (odd === undefined) return;
  const problems = `${odd.kvHeads} key-value heads of a layer do not divide ${heads} attention heads and ${kvHeads} key-value heads evenly`;
  throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
}

interface RopeParts extends KeyContext {
  readonly keys: readonly KeySizes[];
}

/** The rotation of each kind of layers. All layers of a kind must have heads of one size. */
function readRopes(fields: Fields, { keys, types, features, path, given }: RopeParts): Record<LayerType, RopeConfig> {
  const { full_attention: full, sliding_attention: sliding } = fields.rope_parameters ?? {};
  const proportional = { rope_type: 'proportional', partial_rotary_factor: 0.25, rope_theta: 1_000_000 };
  const ropeOfType = (type: LayerType, parameters: RopeParameters, defaultTheta: number): RopeConfig => {
    const dims = new Set(keys.filter((_, index) => types[index] === type).map(({ headDim }) => headDim));
    if (dims.size > 1) features.refuse('head_dim', [...dims].join(' and '), `one size for all layers of ${type}`);
    const [headDim = given.headDim] = dims;
    const context: RopeContext = { features, path, headDim, maxPositions: given.maxPositions, defaultTheta };
    return parameters.rope_type === 'proportional'
      ? proportionalRope(parameters, context)
      : ropeOf(parameters, context);
  };
  return {
    full_attention: ropeOfType('full_attention', full ?? proportional, 1_000_000),
    sliding_attention: ropeOfType('sliding_attention', sliding ?? {}, 10_000),
  };
}

/** Frequencies as of whole heads, of which only the first ones turn. */
function proportionalRope(given: RopeParameters, { headDim, defaultTheta }: RopeContext): RopeConfig {
  const turning = Math.floor(((given.partial_rotary_factor ?? 1) * headDim) / 2);
  const scaling = { kind: 'proportional', turning, factor: given.factor ?? 1 } as const;
  return { theta: given.rope_theta ?? defaultTheta, dims: headDim, scaling };
}
