import { z } from 'zod';

import type { LinearLayer } from '../../graph/linear.ts';
import type { NormLayer } from '../../graph/norm.ts';
import { parseWith } from '../../parse-with.ts';
import type { AttentionLayer, DecoderBlock } from '../decoder-config.ts';
import type { RopeConfig } from '../rope.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, sizesSchema, type Sizes } from './fields.ts';
import { checkHeads } from './llama-like.ts';
import { reachOf, readRope, ropeFields } from './read-rope.ts';

const sizesOf = sizesSchema({
  vocab_size: 51200,
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 24,
  num_attention_heads: 32,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
});

const own = z.looseObject({
  hidden_act: optional(z.string(), 'gelu_new'),
  layer_norm_eps: optional(z.number().positive(), 1e-5),
  qk_layernorm: optional(z.boolean(), false),
});

/** Phi-1 and Phi-2. One LayerNorm feeds attention and feed-forward part. All layers have biases, and half of each head is rotated. */
export const phi: DecoderFamily = {
  modelType: 'phi',
  architecture: 'PhiForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const fields = parseWith(own, json, path);
    const sizes = { ...parseWith(sizesOf, json, path), epsilon: fields.layer_norm_eps };
    const context = { features, path, ...sizes, defaultTheta: 10000, partial: 0.5 };
    const rope = readRope(parseWith(ropeFields, json, path), context);
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    checkHeads(sizes, path);
    const { tied, epsilon, maxPositions, ...counts } = sizes;
    const parts = { sizes, rope, activation, normed: fields.qk_layernorm };
    return {
      kind: 'decoder',
      family: 'phi',
      ...counts,
      maxPositions: reachOf(rope, maxPositions),
      embedding: 'model.embed_tokens',
      embeddingScale: 1,
      blocks: Array.from({ length: sizes.layers }, (_, index) => blockOf(`model.layers.${index}`, parts)),
      residualScale: 1,
      lastNorm: { path: 'model.final_layernorm', kind: 'layer', width: sizes.hiddenSize, epsilon, offset: 0 },
      head: {
        ...linearOf('lm_head', sizes.hiddenSize, sizes.vocabSize),
        ...(tied && { weight: 'model.embed_tokens.weight' }),
      },
      logitScale: 1,
    };
  },
};

interface Parts {
  readonly sizes: Sizes;
  readonly rope: RopeConfig;
  readonly activation: NonNullable<DecoderBlock['mlp']>['activation'];
  /** Whether each head of queries and keys is normalized. */
  readonly normed: boolean;
}

function blockOf(path: string, parts: Parts): DecoderBlock {
  const { hiddenSize, intermediateSize, epsilon } = parts.sizes;
  return {
    path,
    attentionNorm: { path: `${path}.input_layernorm`, kind: 'layer', width: hiddenSize, epsilon, offset: 0 },
    attention: attentionOf(`${path}.self_attn`, parts),
    mlp: {
      path: `${path}.mlp`,
      activation: parts.activation,
      kind: 'plain',
      up: linearOf(`${path}.mlp.fc1`, hiddenSize, intermediateSize),
      down: linearOf(`${path}.mlp.fc2`, intermediateSize, hiddenSize),
    },
    parallel: true,
  };
}

function attentionOf(path: string, { sizes, rope, normed }: Parts): AttentionLayer {
  const { hiddenSize, heads, kvHeads, headDim, epsilon } = sizes;
  const norm = (name: string): NormLayer => ({
    path: `${path}.${name}`,
    kind: 'layer',
    width: headDim,
    epsilon,
    offset: 0,
  });
  return {
    path,
    projections: {
      kind: 'separate',
      query: linearOf(`${path}.q_proj`, hiddenSize, heads * headDim),
      key: linearOf(`${path}.k_proj`, hiddenSize, kvHeads * headDim),
      value: linearOf(`${path}.v_proj`, hiddenSize, kvHeads * headDim),
    },
    output: linearOf(`${path}.dense`, heads * headDim, hiddenSize),
    ...(normed && { queryKeyNorm: { over: 'head', query: norm('q_layernorm'), key: norm('k_layernorm') } }),
    rope,
    scale: 1 / Math.sqrt(headDim),
  };
}

function linearOf(path: string, width: number, out: number): LinearLayer {
  return { path, in: width, out, bias: true };
}
