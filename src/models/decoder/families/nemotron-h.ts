import { z } from 'zod';

import type { Activation } from '../../graph/activation.ts';
import type { LinearLayer } from '../../graph/linear.ts';
import type { MixtureLayer } from '../../graph/mixture.ts';
import type { MlpLayer } from '../../graph/mlp.ts';
import type { NormLayer } from '../../graph/norm.ts';
import { parseWith } from '../../parse-with.ts';
import type { AttentionLayer, DecoderBlock, DecoderConfig } from '../decoder-config.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { flag, layerCount, optional, positiveInteger, sizesSchema, type Sizes } from './fields.ts';
import { groupedRouting } from './grouped-mixtures.ts';
import { typesOfLayers } from './layer-types.ts';
import { checkHeads } from './llama-like.ts';
import { mamba2Fields, mamba2Layers } from './mamba2-layers.ts';
import { mixtureOf, mixtureSizes } from './mixtures.ts';

const sizes = sizesSchema({
  vocab_size: 131072,
  hidden_size: 4096,
  intermediate_size: 21504,
  num_hidden_layers: 4,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  head_dim: 128,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
});

const types = ['full_attention', 'linear_attention', 'moe', 'mlp'] as const;
type BlockType = (typeof types)[number];

/** The letters of `hybrid_override_pattern`, and the names of types before transformers 5. */
const spellings: Readonly<Record<string, BlockType>> = {
  M: 'linear_attention',
  E: 'moe',
  '*': 'full_attention',
  '-': 'mlp',
  mamba: 'linear_attention',
  attention: 'full_attention',
};

const own = z.looseObject({
  layers_block_type: z.array(z.string()).nullish(),
  layer_types: z.array(z.string()).nullish(),
  hybrid_override_pattern: z.string().max(10_000).nullish(),
  attention_bias: flag(),
  layer_norm_epsilon: optional(z.number().positive(), 1e-5),
  mlp_hidden_act: optional(z.string(), 'relu2'),
  mlp_bias: flag(),
  use_bias: flag(),
  mamba_hidden_act: optional(z.string(), 'silu'),
  mamba_num_heads: optional(positiveInteger, 128),
  mamba_head_dim: optional(positiveInteger, 64),
  ssm_state_size: optional(positiveInteger, 128),
  n_groups: optional(positiveInteger, 8),
  conv_kernel: optional(positiveInteger, 4),
  use_conv_bias: flag(true),
  time_step_limit: mamba2Fields.time_step_limit,
  n_routed_experts: optional(positiveInteger, 8),
  num_local_experts: positiveInteger.nullish(),
  num_experts_per_tok: optional(positiveInteger, 2),
  moe_intermediate_size: optional(positiveInteger, 7688),
  moe_shared_expert_intermediate_size: optional(positiveInteger, 7688),
  moe_latent_size: positiveInteger.nullish(),
  n_group: positiveInteger.nullish(),
  topk_group: positiveInteger.nullish(),
  routed_scaling_factor: z.number().nullish(),
  norm_topk_prob: flag(true),
});

/** The names that some fields have in older files, where they have them. */
const olderNames: Readonly<Record<string, string>> = {
  mamba_n_groups: 'n_groups',
  mamba_d_conv: 'conv_kernel',
  mamba_conv_bias: 'use_conv_bias',
  mamba_dt_limit: 'time_step_limit',
};

interface Parts {
  readonly fields: z.infer<typeof own>;
  readonly sizes: Sizes;
  readonly activation: Activation;
  readonly path: string;
}

/** Nemotron-H and Nemotron 3: blocks of one layer each, Mamba 2, attention without positions, a dense part or a mixture of experts. */
export const nemotronH: DecoderFamily = {
  modelType: 'nemotron_h',
  architecture: 'NemotronHForCausalLM',
  parse(given, path) {
    const json = renamedFields(given);
    const features = new Features(json, path, own);
    const fields = parseWith(own, json, path);
    const read: Sizes = { ...parseWith(sizes, json, path), epsilon: fields.layer_norm_epsilon };
    const listed = fields.layers_block_type ?? fields.layer_types ?? fields.hybrid_override_pattern?.split('');
    const names = listed?.map((name) => spellings[name] ?? name) ?? [
      'linear_attention',
      'moe',
      'full_attention',
      'mlp',
    ];
    const layers = parseWith(layerCount, names.length, path);
    const kinds = typesOfLayers<BlockType>(names, { features, path, layers, types, fallback: () => 'mlp' });
    const activation = features.activation('mlp_hidden_act', fields.mlp_hidden_act);
    const inMamba = features.activation('mamba_hidden_act', fields.mamba_hidden_act);
    if (fields.attention_bias) features.refuse('attention_bias', true, 'false in this family');
    features.check();
    checkHeads(read, path);
    const parts = { fields, sizes: { ...read, layers }, activation, path };
    const mamba = mamba2Layers(mambaFields(fields), {
      features,
      path,
      sizes: parts.sizes,
      activation: inMamba,
      name: 'mixer',
      channels: fields.mamba_num_heads * fields.mamba_head_dim,
      own: { norm: { groups: fields.n_groups, beforeGate: false } },
    });
    const blocks = kinds.map((kind, index): DecoderBlock => {
      const block = `model.layers.${index}`;
      const norm = rms(`${block}.norm`, read);
      if (kind === 'linear_attention') return { path: block, attentionNorm: norm, recurrent: mamba(block) };
      if (kind === 'full_attention') return { path: block, attentionNorm: norm, attention: attentionOf(block, read) };
      return { path: block, mlpNorm: norm, mlp: kind === 'moe' ? mixtureAt(block, parts) : denseAt(block, parts) };
    });
    return configOf(blocks, parts);
  },
  rename: (name) => name.replace(/^backbone\./, 'model.').replace(/^model\.embedding\./, 'model.embeddings.'),
  // Layers that predict tokens beyond the next one.
  isForeign: (name) => /^(model\.)?mtp\./.test(name),
};

function renamedFields(json: unknown): unknown {
  const given = z.record(z.string(), z.unknown()).safeParse(json).data;
  if (given === undefined) return json;
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [olderNames[name] ?? name, value]));
}

function mambaFields(fields: Parts['fields']): Parameters<typeof mamba2Layers>[0] {
  return parseWith(
    z.looseObject(mamba2Fields),
    {
      mamba_n_heads: fields.mamba_num_heads,
      mamba_d_head: fields.mamba_head_dim,
      mamba_n_groups: fields.n_groups,
      mamba_d_state: fields.ssm_state_size,
      mamba_d_conv: fields.conv_kernel,
      mamba_conv_bias: fields.use_conv_bias,
      mamba_proj_bias: fields.use_bias,
      time_step_limit: fields.time_step_limit?.map((bound) => (bound === Infinity ? 'Infinity' : bound)),
    },
    '',
  );
}

function configOf(blocks: readonly DecoderBlock[], { sizes: read }: Parts): DecoderConfig {
  const { tied, epsilon: _, maxPositions, ...numbers } = read;
  return {
    kind: 'decoder',
    family: 'nemotron_h',
    ...numbers,
    maxPositions,
    embedding: 'model.embeddings',
    embeddingScale: 1,
    blocks,
    residualScale: 1,
    lastNorm: rms('model.norm_f', read),
    head: {
      path: 'lm_head',
      in: read.hiddenSize,
      out: read.vocabSize,
      bias: false,
      ...(tied && { weight: 'model.embeddings.weight' }),
    },
    logitScale: 1,
  };
}

function rms(path: string, { hiddenSize: width, epsilon }: Sizes): NormLayer {
  return { path, kind: 'rms', width, epsilon, offset: 0 };
}

function attentionOf(block: string, { heads, kvHeads, headDim, hiddenSize }: Sizes): AttentionLayer {
  const path = `${block}.mixer`;
  const layer = (name: string, count: number): LinearLayer => {
    return { path: `${path}.${name}`, in: hiddenSize, out: count * headDim, bias: false };
  };
  return {
    path,
    projections: {
      kind: 'separate',
      query: layer('q_proj', heads),
      key: layer('k_proj', kvHeads),
      value: layer('v_proj', kvHeads),
    },
    output: { path: `${path}.o_proj`, in: heads * headDim, out: hiddenSize, bias: false },
    scale: 1 / Math.sqrt(headDim),
  };
}

function denseAt(block: string, parts: Parts): MlpLayer {
  return ungated(`${block}.mixer`, parts.fields.mlp_bias, { inner: parts.sizes.intermediateSize, parts });
}

function ungated(
  path: string,
  bias: boolean,
  {
    inner,
    parts,
    width = parts.sizes.hiddenSize,
  }: { inner: number; parts: Pick<Parts, 'sizes' | 'activation'>; width?: number },
): Extract<MlpLayer, { kind: 'plain' }> {
  return {
    path,
    kind: 'plain',
    activation: parts.activation,
    up: { path: `${path}.up_proj`, in: width, out: inner, bias },
    down: { path: `${path}.down_proj`, in: inner, out: width, bias },
  };
}

const defaults = { groups: 1, kept: 1, scale: 1, experts: 8, perToken: 2 } as const;

function mixtureAt(block: string, parts: Parts): MixtureLayer {
  const {
    fields,
    sizes: { hiddenSize, layers },
    activation,
    path: file,
  } = parts;
  const path = `${block}.mixer`;
  const { moe_latent_size: latent, mlp_bias: bias, moe_intermediate_size: inner } = fields;
  const named = {
    num_experts: fields.num_local_experts ?? fields.n_routed_experts,
    num_experts_per_tok: fields.num_experts_per_tok,
  };
  const counts = mixtureSizes(named, { path: file, layers, defaults });
  const routing = groupedRouting(fields, { path: file, router: 'corrected', defaults, ...counts });
  const mixture = mixtureOf({
    path,
    hiddenSize,
    inner,
    activation,
    normalizes: fields.norm_topk_prob,
    routing,
    ...counts,
    shared: {
      mlp: ungated(`${path}.shared_experts`, bias, { inner: fields.moe_shared_expert_intermediate_size, parts }),
    },
  });
  const width = latent ?? hiddenSize;
  return {
    ...mixture,
    experts: mixture.experts.map((_, index) => {
      const { up, down } = ungated(`${path}.experts.${index}`, false, { inner, parts, width });
      return { up, down };
    }),
    ...(latent && {
      latent: {
        into: { path: `${path}.fc1_latent_proj`, in: hiddenSize, out: latent, bias },
        out: { path: `${path}.fc2_latent_proj`, in: latent, out: hiddenSize, bias },
      },
    }),
  };
}
