import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, sizesSchema } from './fields.ts';
import { graniteFields, graniteScales, graniteSizes } from './granite-scales.ts';
import { llamaLike } from './llama-like.ts';
import { readRope, ropeFields } from './read-rope.ts';

const sizes = sizesSchema(graniteSizes);

const own = z.looseObject({
  ...graniteFields,
  mlp_bias: optional(z.boolean(), false),
});

/** Granite: Llama with a multiplier at the embedding, the scores, each branch and the logits. */
export const granite: DecoderFamily = {
  modelType: 'granite',
  architecture: 'GraniteForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const read = parseWith(sizes, json, path);
    const fields = parseWith(own, json, path);
    const { attention_bias: bias, mlp_bias: mlp } = fields;
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...read, defaultTheta: 10000 });
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    return llamaLike({
      family: 'granite',
      path,
      sizes: read,
      activation,
      layer: () => ({ rope }),
      longest: rope,
      biases: { queryKeyValue: bias, output: bias, mlp },
      ...graniteScales(fields),
    });
  },
};
