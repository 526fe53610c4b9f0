import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { LinearLayer } from '../../graph/linear.ts';
import type { NormLayer } from '../../graph/norm.ts';
import { parseWith } from '../../parse-with.ts';
import type { DecoderBlock, DecoderConfig } from '../decoder-config.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { flag, layerCount, optional, positiveInteger } from './fields.ts';

/** The table of positions begins with this many rows that no position uses. */
const unusedPositions = 2;

const own = z.looseObject({
  vocab_size: optional(positiveInteger, 50272),
  hidden_size: optional(positiveInteger, 768),
  num_hidden_layers: optional(layerCount, 12),
  ffn_dim: optional(positiveInteger, 3072),
  max_position_embeddings: optional(positiveInteger, 2048),
  do_layer_norm_before: flag(true),
  _remove_final_layer_norm: flag(),
  word_embed_proj_dim: positiveInteger.nullish(),
  num_attention_heads: optional(positiveInteger, 12),
  activation_function: optional(z.string(), 'relu'),
  enable_bias: flag(true),
  layer_norm_elementwise_affine: flag(true),
  tie_word_embeddings: flag(true),
});

type Fields = z.infer<typeof own>;

/** OPT: learned positions; norms before the branches, or of the sums behind them; the embedding may be narrower than the network. */
export const opt: DecoderFamily = {
  modelType: 'opt',
  architecture: 'OPTForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const fields = parseWith(own, json, path);
    const activation = features.activation('activation_function', fields.activation_function);
    features.check();
    const { hidden_size: hiddenSize, num_attention_heads: heads, max_position_embeddings: maxPositions } = fields;
    const headDim = hiddenSize / heads;
    if (!Number.isInteger(headDim)) {
      const problems = `hidden_size ${hiddenSize} cannot be divided among ${heads} heads`;
      throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
    }
    return {
      kind: 'decoder',
      family: 'opt',
      vocabSize: fields.vocab_size,
      hiddenSize,
      intermediateSize: fields.ffn_dim,
      layers: fields.num_hidden_layers,
      heads,
      kvHeads: heads,
      headDim,
      maxPositions,
      ...embeddingOf(fields),
      embeddingScale: 1,
      learnedPositions: {
        path: 'model.decoder.embed_positions',
        count: maxPositions + unusedPositions,
        offset: unusedPositions,
      },
      blocks: Array.from({ length: fields.num_hidden_layers }, (_, index) =>
        blockOf(`model.decoder.layers.${index}`, { fields, headDim, activation }),
      ),
      residualScale: 1,
      ...(fields.do_layer_norm_before &&
        !fields._remove_final_layer_norm && { lastNorm: normOf('model.decoder.final_layer_norm', fields) }),
      logitScale: 1,
    };
  },
  rename: (name) => name.replace(/^decoder\./, 'model.decoder.'),
};

function embeddingOf(fields: Fields): Pick<DecoderConfig, 'embedding' | 'narrowEmbedding' | 'head'> {
  const { hidden_size: hidden, vocab_size: vocabSize } = fields;
  const width = fields.word_embed_proj_dim ?? hidden;
  const embedding = 'model.decoder.embed_tokens';
  return {
    embedding,
    ...(width !== hidden && {
      narrowEmbedding: {
        width,
        widen: { path: 'model.decoder.project_in', in: width, out: hidden, bias: false },
        narrow: { path: 'model.decoder.project_out', in: hidden, out: width, bias: false },
      },
    }),
    head: {
      path: 'lm_head',
      in: width,
      out: vocabSize,
      bias: false,
      ...(fields.tie_word_embeddings && { weight: `${embedding}.weight` }),
    },
  };
}

interface Parts {
  readonly fields: Fields;
  readonly headDim: number;
  readonly activation: NonNullable<DecoderBlock['mlp']>['activation'];
}

function blockOf(path: string, { fields, headDim, activation }: Parts): DecoderBlock {
  const { hidden_size: hidden, ffn_dim: inner, enable_bias: bias } = fields;
  const linear = (name: string, width = hidden, out = hidden): LinearLayer => ({
    path: `${path}.${name}`,
    in: width,
    out,
    bias,
  });
  const norms = {
    attention: normOf(`${path}.self_attn_layer_norm`, fields),
    mlp: normOf(`${path}.final_layer_norm`, fields),
  };
  return {
    path,
    attention: {
      path: `${path}.self_attn`,
      projections: {
        kind: 'separate',
        query: linear('self_attn.q_proj'),
        key: linear('self_attn.k_proj'),
        value: linear('self_attn.v_proj'),
      },
      output: linear('self_attn.out_proj'),
      scale: 1 / Math.sqrt(headDim),
    },
    mlp: { path, activation, kind: 'plain', up: linear('fc1', hidden, inner), down: linear('fc2', inner, hidden) },
    ...(fields.do_layer_norm_before ? { attentionNorm: norms.attention, mlpNorm: norms.mlp } : { sumNorms: norms }),
  };
}

function normOf(path: string, { hidden_size: width, layer_norm_elementwise_affine: affine }: Fields): NormLayer {
  return { path, kind: 'layer', width, epsilon: 1e-5, offset: 0, ...(!affine && { parameters: 'none' }) };
}
