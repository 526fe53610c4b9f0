import { z } from 'zod';

import { flag, optional, positiveInteger } from './fields.ts';
import { hunyuanSizes, hunyuanTraits, stretch } from './hunyuan.ts';
import { llamaFamily } from './llama-family.ts';
import { gatedMlp, mixtureOf, mixtureSizes } from './mixtures.ts';

/** A number for all layers, or one for each. */
const perLayer = z.union([positiveInteger, z.array(positiveInteger).nonempty()]);

const own = z.looseObject({
  attention_bias: flag(),
  use_qk_norm: z.literal(true).nullish(),
  rope_scaling: stretch,
  rope_parameters: stretch,
  hidden_act: optional(z.string(), 'silu'),
  num_experts: optional(perLayer, 1),
  num_local_experts: positiveInteger.nullish(),
  moe_topk: optional(perLayer, 1),
});

/** Hunyuan with experts beside a shared part in every layer. */
export const hunyuanMoe = llamaFamily({
  modelType: 'hunyuan_v1_moe',
  architecture: 'HunYuanMoEV1ForCausalLM',
  sizes: hunyuanSizes,
  rope: { theta: 10000 },
  fields: own,
  traits(fields, { sizes, rope, features, path }) {
    const { hiddenSize, intermediateSize: inner, layers } = sizes;
    const activation = features.activation('hidden_act', fields.hidden_act);
    const of = (value: number | readonly number[], index: number): number =>
      typeof value === 'number' ? value : (value[index] ?? value[0] ?? 1);
    const every = Array.from({ length: layers }, (_, index) => {
      const named = { num_experts: of(fields.num_experts, index), num_experts_per_tok: of(fields.moe_topk, index) };
      return mixtureSizes(named, { path, layers, defaults: { experts: 1, perToken: 1 } });
    });
    return {
      ...hunyuanTraits(fields, rope),
      activation,
      feedForward(index, block) {
        const counts = every[index];
        if (counts === undefined) return undefined;
        const mlp = `${block}.mlp`;
        const shared = { mlp: gatedMlp(`${mlp}.shared_mlp`, { hiddenSize, inner, activation }) };
        const router = { router: 'gate.wg', normalizes: true, shared };
        return mixtureOf({ path: mlp, hiddenSize, inner, activation, ...router, ...counts });
      },
    };
  },
});
