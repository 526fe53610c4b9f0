import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { sizesSchema } from './fields.ts';
import { graniteFields, graniteScales, graniteSizes } from './granite-scales.ts';
import { llamaLike } from './llama-like.ts';
import { mixtureFields, mixtureOf, mixtureSizes } from './mixtures.ts';
import { readRope, ropeFields } from './read-rope.ts';

const sizes = sizesSchema(graniteSizes);

const own = z.looseObject({
  ...graniteFields,
});

/** Granite with a mixture of experts in every layer. Checkpoints hold the matrices of all experts of a layer in one tensor. */
export const graniteMoe: DecoderFamily = {
  modelType: 'granitemoe',
  architecture: 'GraniteMoeForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, mixtureFields.extend(own.shape));
    const read = parseWith(sizes, json, path);
    const { hiddenSize, intermediateSize: inner } = read;
    const fields = parseWith(own, json, path);
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...read, defaultTheta: 10000 });
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    const experts = mixtureSizes(json, { path, layers: read.layers, defaults: { experts: 8, perToken: 2 } });
    const router = { router: 'router', normalizes: true };
    return llamaLike({
      family: 'granitemoe',
      path,
      sizes: read,
      activation,
      layer: () => ({ rope }),
      longest: rope,
      biases: { queryKeyValue: fields.attention_bias, output: fields.attention_bias },
      ...graniteScales(fields),
      feedForward: (_, block) =>
        mixtureOf({ path: `${block}.block_sparse_moe`, hiddenSize, inner, activation, ...router, ...experts }),
    });
  },
  rename: (name) =>
    name
      .replace('.block_sparse_moe.input_linear.weight', '.block_sparse_moe.experts.gate_up_proj')
      .replace('.block_sparse_moe.output_linear.weight', '.block_sparse_moe.experts.down_proj')
      .replace('.block_sparse_moe.router.layer.', '.block_sparse_moe.router.'),
};
