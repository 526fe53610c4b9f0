import { z } from 'zod';

import type { FeedForward } from '../../graph/mixture.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { flag, optional, positiveInteger } from './fields.ts';
import { llamaFamily } from './llama-family.ts';
import { gatedMlp, mixtureFields, mixtureOf, mixtureSizes } from './mixtures.ts';

const own = mixtureFields.extend({
  hidden_act: optional(z.string(), 'silu'),
  use_bias: flag(),
  moe_intermediate_size: optional(positiveInteger, 1536),
  moe_k: positiveInteger.nullish(),
  moe_num_experts: positiveInteger.nullish(),
  moe_num_shared_experts: optional(z.number().int().nonnegative(), 2),
  moe_layer_start_index: optional(z.number().int().nonnegative(), 1),
  moe_layer_end_index: optional(z.number().int().min(-1), -1),
  moe_layer_interval: optional(positiveInteger, 1),
  moe_norm_min: optional(z.number().positive(), 1e-12),
});

const family = llamaFamily({
  modelType: 'ernie4_5_moe',
  architecture: 'Ernie4_5_MoeForCausalLM',
  sizes: {
    vocab_size: 103424,
    hidden_size: 2560,
    intermediate_size: 12288,
    num_hidden_layers: 28,
    num_attention_heads: 20,
    num_key_value_heads: 4,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  rope: { theta: 500_000, interleaved: true },
  fields: own,
  traits(fields, { sizes, features, path }) {
    const { use_bias: bias, moe_intermediate_size: inner, moe_num_shared_experts: shared } = fields;
    const { hiddenSize, layers } = sizes;
    const activation = features.activation('hidden_act', fields.hidden_act);
    const named = {
      num_experts: fields.moe_num_experts ?? fields.num_experts,
      num_experts_per_tok: fields.moe_k ?? fields.num_experts_per_tok,
    };
    const counts = mixtureSizes(named, { path, layers, defaults: { experts: 64, perToken: 6 } });
    const { moe_layer_start_index: first, moe_layer_end_index: end, moe_layer_interval: interval } = fields;
    const last = end === -1 ? layers - 1 : end;
    const routing = { corrects: 'row', sumGuard: { kind: 'least', value: fields.moe_norm_min } } as const;
    return {
      activation,
      biases: { queryKeyValue: bias, output: bias, mlp: bias, head: bias },
      feedForward(index, block): FeedForward | undefined {
        if ((index + 1) % interval !== 0 || index < first || index > last) return undefined;
        const mlp = `${block}.mlp`;
        const always = { hiddenSize, inner: inner * shared, activation, bias };
        return mixtureOf({
          path: mlp,
          hiddenSize,
          inner,
          activation,
          normalizes: true,
          routing,
          ...counts,
          ...(shared > 0 && { shared: { mlp: gatedMlp(`${mlp}.shared_experts`, always) } }),
        });
      },
    };
  },
});

/** ERNIE 4.5 with experts, chosen by a softmax and a correction, beside shared ones. */
export const ernie45Moe: DecoderFamily = {
  ...family,
  rename: (name) =>
    name.replace(/\.mlp\.(gate\.)?moe_statics\.e_score_correction_bias$/, '.mlp.gate.e_score_correction_bias'),
  // Layers that predict tokens beyond the next one.
  isForeign: (name) => /(^|\.)mtp_/.test(name),
};
