import { z } from 'zod';

import type { DecoderFamily } from './decoder-family.ts';
import { flag, optional, positiveInteger } from './fields.ts';
import { lfm2Fields, lfm2Traits } from './lfm2.ts';
import { llamaFamily } from './llama-family.ts';
import { expertNamed, mixtureFields, mixtureOf, mixtureSizes } from './mixtures.ts';

const own = lfm2Fields.extend({
  ...mixtureFields.shape,
  moe_intermediate_size: optional(positiveInteger, 1792),
  num_dense_layers: optional(z.number().int().nonnegative(), 2),
  use_expert_bias: flag(true),
  norm_topk_prob: flag(true),
  routed_scaling_factor: optional(z.number(), 1),
});

/** LFM2 with experts, chosen by sigmoids, behind some dense layers. */
export const lfm2Moe: DecoderFamily = {
  ...llamaFamily({
    modelType: 'lfm2_moe',
    architecture: 'Lfm2MoeForCausalLM',
    sizes: {
      vocab_size: 65536,
      hidden_size: 2048,
      intermediate_size: 7168,
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
      const { path, sizes } = parts;
      const { hiddenSize, layers } = sizes;
      const traits = lfm2Traits(fields, parts);
      const counts = mixtureSizes(fields, { path, layers, defaults: { experts: 32, perToken: 4 } });
      const routing = {
        scoring: 'sigmoid',
        corrects: fields.use_expert_bias,
        scale: fields.routed_scaling_factor,
        sumGuard: { kind: 'added', value: 1e-6 },
      } as const;
      return {
        ...traits,
        feedForward(index, block) {
          if (index < fields.num_dense_layers) return traits.feedForward?.(index, block);
          return mixtureOf({
            path: `${block}.feed_forward`,
            hiddenSize,
            inner: fields.moe_intermediate_size,
            activation: 'silu',
            normalizes: fields.norm_topk_prob,
            routing,
            ...counts,
          });
        },
      };
    },
  }),
  rename: (name) =>
    expertNamed(name.replace('.feed_forward.expert_bias', '.feed_forward.gate.e_score_correction_bias')),
};
