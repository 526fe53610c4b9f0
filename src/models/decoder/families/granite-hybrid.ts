import { z } from 'zod';

import type { FeedForward } from '../../graph/mixture.ts';
import type { MlpLayer } from '../../graph/mlp.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { optional, positiveInteger } from './fields.ts';
import { graniteMoe } from './granite-moe.ts';
import { graniteFields, graniteScales, graniteSizes } from './granite-scales.ts';
import { llamaFamily } from './llama-family.ts';
import { mamba2Fields, mamba2Layers, mambaTypes } from './mamba2-layers.ts';
import { mixtureOf, mixtureSizes } from './mixtures.ts';

const own = z.looseObject({
  ...mamba2Fields,
  ...graniteFields,
  num_local_experts: optional(z.number().int().nonnegative(), 8),
  // 0 where there are no experts, as in Granite 4.0 Micro.
  num_experts_per_tok: optional(z.number().int().nonnegative(), 2),
  shared_intermediate_size: optional(positiveInteger, 1024),
  position_embedding_type: z.string().nullish(),
});

const family = llamaFamily({
  modelType: 'granitemoehybrid',
  architecture: 'GraniteMoeHybridForCausalLM',
  sizes: graniteSizes,
  rope: { theta: 10_000 },
  fields: own,
  traits(fields, { sizes, rope, features, path }) {
    const { attention_bias: bias, position_embedding_type: positions } = fields;
    const activation = features.activation('hidden_act', fields.hidden_act);
    const types = mambaTypes(fields, { features, path, layers: sizes.layers });
    const mamba = mamba2Layers(fields, { features, path, sizes, activation });
    const { hiddenSize, intermediateSize: inner, layers } = sizes;
    const { shared_intermediate_size: sharedInner, num_local_experts: experts } = fields;
    const shared = (block: string): MlpLayer => ({
      kind: 'packed',
      path: `${block}.shared_mlp`,
      activation,
      gateUp: { path: `${block}.shared_mlp.input_linear`, in: hiddenSize, out: 2 * sharedInner, bias: false },
      down: { path: `${block}.shared_mlp.output_linear`, in: sharedInner, out: hiddenSize, bias: false },
    });
    const counts = experts > 0 ? mixtureSizes(fields, { path, layers, defaults: { experts, perToken: 2 } }) : undefined;
    const feedForward = (_: number, block: string): FeedForward => {
      if (counts === undefined) return shared(block);
      const router = { router: 'router', normalizes: true, shared: { mlp: shared(block) } };
      return mixtureOf({ path: `${block}.block_sparse_moe`, hiddenSize, inner, activation, ...router, ...counts });
    };
    return {
      activation,
      layer: () => ({ rope: positions === 'rope' ? rope : undefined }),
      biases: { queryKeyValue: bias, output: bias },
      ...graniteScales(fields),
      recurrent: (index, block) => (types[index] === 'linear_attention' ? mamba(block) : undefined),
      feedForward,
    };
  },
});

/** Granite 4: Mamba 2 in most layers, attention in the others, experts beside a shared part in some models. */
export const graniteHybrid: DecoderFamily = { ...family, ...(graniteMoe.rename && { rename: graniteMoe.rename }) };
