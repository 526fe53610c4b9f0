import { z } from 'zod';

import type { LinearLayer } from '../../graph/linear.ts';
import type { NormLayer } from '../../graph/norm.ts';
import { parseWith } from '../../parse-with.ts';
import type { DecoderBlock } from '../decoder-config.ts';
import type { RopeConfig } from '../rope.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { flag, optional, sizesSchema, type Sizes } from './fields.ts';
import { checkHeads } from './llama-like.ts';
import { reachOf, readRope, ropeFields } from './read-rope.ts';

const sizesOf = sizesSchema({
  vocab_size: 50432,
  hidden_size: 6144,
  intermediate_size: 24576,
  num_hidden_layers: 44,
  num_attention_heads: 64,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
});

const own = z.looseObject({
  hidden_act: optional(z.string(), 'gelu'),
  layer_norm_eps: optional(z.number().positive(), 1e-5),
  use_parallel_residual: flag(true),
  attention_bias: flag(true),
  rotary_pct: z.number().positive().nullish(),
  rotary_emb_base: z.number().positive().nullish(),
});

/** GPT-NeoX and Pythia: parallel branches with a norm each, queries, keys and values of each head side by side in one matrix. */
export const gptNeox: DecoderFamily = {
  modelType: 'gpt_neox',
  architecture: 'GPTNeoXForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const fields = parseWith(own, json, path);
    const read = parseWith(sizesOf, json, path);
    const sizes: Sizes = {
      ...read,
      kvHeads: read.heads,
      headDim: read.hiddenSize / read.heads,
      epsilon: fields.layer_norm_eps,
    };
    const named = parseWith(ropeFields, json, path);
    const rope = readRope(
      {
        ...named,
        rope_theta: named.rope_theta ?? fields.rotary_emb_base,
        partial_rotary_factor: named.partial_rotary_factor ?? fields.rotary_pct,
      },
      { features, path, ...sizes, defaultTheta: 10000, partial: 0.25 },
    );
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    checkHeads(sizes, path);
    const { tied, epsilon: _, maxPositions, ...counts } = sizes;
    const parts = { sizes, rope, activation, bias: fields.attention_bias, parallel: fields.use_parallel_residual };
    return {
      kind: 'decoder',
      family: 'gpt_neox',
      ...counts,
      maxPositions: reachOf(rope, maxPositions),
      embedding: 'gpt_neox.embed_in',
      embeddingScale: 1,
      blocks: Array.from({ length: sizes.layers }, (_, index) => blockOf(`gpt_neox.layers.${index}`, parts)),
      residualScale: 1,
      lastNorm: normOf('gpt_neox.final_layer_norm', sizes),
      head: {
        ...linearOf('embed_out', [sizes.hiddenSize, sizes.vocabSize], false),
        ...(tied && { weight: 'gpt_neox.embed_in.weight' }),
      },
      logitScale: 1,
    };
  },
};

interface Parts {
  readonly sizes: Sizes;
  readonly rope: RopeConfig;
  readonly activation: NonNullable<DecoderBlock['mlp']>['activation'];
  readonly bias: boolean;
  readonly parallel: boolean;
}

function blockOf(path: string, { sizes, rope, activation, bias, parallel }: Parts): DecoderBlock {
  const { hiddenSize: hidden, intermediateSize: inner, headDim } = sizes;
  return {
    path,
    attentionNorm: normOf(`${path}.input_layernorm`, sizes),
    attention: {
      path: `${path}.attention`,
      projections: {
        kind: 'packed',
        packed: linearOf(`${path}.attention.query_key_value`, [hidden, 3 * hidden], bias),
        grouped: true,
      },
      output: linearOf(`${path}.attention.dense`, [hidden, hidden], bias),
      rope,
      scale: 1 / Math.sqrt(headDim),
    },
    mlpNorm: normOf(`${path}.post_attention_layernorm`, sizes),
    mlp: {
      path: `${path}.mlp`,
      activation,
      kind: 'plain',
      up: linearOf(`${path}.mlp.dense_h_to_4h`, [hidden, inner], true),
      down: linearOf(`${path}.mlp.dense_4h_to_h`, [inner, hidden], true),
    },
    ...(parallel && { parallel }),
  };
}

function normOf(path: string, { hiddenSize: width, epsilon }: Sizes): NormLayer {
  return { path, kind: 'layer', width, epsilon, offset: 0 };
}

function linearOf(path: string, [width, out]: readonly [number, number], bias: boolean): LinearLayer {
  return { path, in: width, out, bias };
}
