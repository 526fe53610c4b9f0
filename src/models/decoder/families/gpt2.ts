import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { LinearLayer } from '../../graph/linear.ts';
import type { NormLayer } from '../../graph/norm.ts';
import { parseWith } from '../../parse-with.ts';
import type { DecoderBlock } from '../decoder-config.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { layerCount, optional, positiveInteger } from './fields.ts';

const own = z.looseObject({
  vocab_size: optional(positiveInteger, 50257),
  n_positions: optional(positiveInteger, 1024),
  n_embd: optional(positiveInteger, 768),
  n_layer: optional(layerCount, 12),
  n_head: optional(positiveInteger, 12),
  n_inner: positiveInteger.nullish(),
  activation_function: optional(z.string(), 'gelu_new'),
  layer_norm_epsilon: optional(z.number().positive(), 1e-5),
  scale_attn_weights: optional(z.boolean(), true),
  scale_attn_by_inverse_layer_idx: optional(z.boolean(), false),
  tie_word_embeddings: optional(z.boolean(), true),
});

type Fields = z.infer<typeof own>;

/** GPT-2. It has learned positions and LayerNorm, stores matrices as [in, out], and packs queries, keys and values into one. */
export const gpt2: DecoderFamily = {
  modelType: 'gpt2',
  architecture: 'GPT2LMHeadModel',
  parse(json, path) {
    const features = new Features(json, path, own);
    const fields = parseWith(own, json, path);
    const activation = features.activation('activation_function', fields.activation_function);
    features.check();
    const { n_embd: hiddenSize, n_head: heads, vocab_size: vocabSize, n_positions: maxPositions } = fields;
    const headDim = hiddenSize / heads;
    if (!Number.isInteger(headDim)) {
      const problems = `n_embd ${hiddenSize} cannot be divided among ${heads} heads`;
      throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
    }
    return {
      kind: 'decoder',
      family: 'gpt2',
      vocabSize,
      hiddenSize,
      intermediateSize: fields.n_inner ?? 4 * hiddenSize,
      layers: fields.n_layer,
      heads,
      kvHeads: heads,
      headDim,
      maxPositions,
      embedding: 'transformer.wte',
      embeddingScale: 1,
      learnedPositions: { path: 'transformer.wpe', count: maxPositions },
      blocks: Array.from({ length: fields.n_layer }, (_, index) => blockOf(fields, { index, headDim, activation })),
      residualScale: 1,
      lastNorm: normOf(fields, 'transformer.ln_f'),
      head: headOf(fields),
      logitScale: 1,
    };
  },
};

function headOf({ n_embd: width, vocab_size: out, tie_word_embeddings: tied }: Fields): LinearLayer {
  return { path: 'lm_head', in: width, out, bias: false, ...(tied && { weight: 'transformer.wte.weight' }) };
}

interface Place {
  readonly index: number;
  readonly headDim: number;
  readonly activation: NonNullable<DecoderBlock['mlp']>['activation'];
}

function blockOf(fields: Fields, { index, headDim, activation }: Place): DecoderBlock {
  const { n_embd: hidden, n_inner: inner } = fields;
  const path = `transformer.h.${index}`;
  const width = inner ?? 4 * hidden;
  const root = fields.scale_attn_weights ? Math.sqrt(headDim) : 1;
  return {
    path,
    attentionNorm: normOf(fields, `${path}.ln_1`),
    attention: {
      path: `${path}.attn`,
      projections: { kind: 'packed', packed: linearOf(`${path}.attn.c_attn`, hidden, 3 * hidden) },
      output: linearOf(`${path}.attn.c_proj`, hidden, hidden),
      scale: 1 / root / (fields.scale_attn_by_inverse_layer_idx ? index + 1 : 1),
    },
    mlpNorm: normOf(fields, `${path}.ln_2`),
    mlp: {
      path: `${path}.mlp`,
      activation,
      kind: 'plain',
      up: linearOf(`${path}.mlp.c_fc`, hidden, width),
      down: linearOf(`${path}.mlp.c_proj`, width, hidden),
    },
  };
}

function linearOf(path: string, width: number, out: number): LinearLayer {
  return { path, in: width, out, bias: true, transposed: true };
}

function normOf({ n_embd: width, layer_norm_epsilon: epsilon }: Fields, path: string): NormLayer {
  return { path, kind: 'layer', width, epsilon, offset: 0 };
}
