import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { nullable } from './fields.ts';
import { gemmaFields, gemmaSizes, gemmaTraits } from './gemma.ts';
import { layerTypes } from './layer-types.ts';
import { llamaLike } from './llama-like.ts';
import { readRope, ropeFields } from './read-rope.ts';

const own = z.looseObject({
  ...gemmaFields,
  attn_logit_softcapping: nullable(z.number().positive(), 50),
  final_logit_softcapping: nullable(z.number().positive(), 30),
});

/** Gemma 2: soft caps on scores and logits, and a sliding window in every other layer, the first included. */
export const gemma2: DecoderFamily = {
  modelType: 'gemma2',
  architecture: 'Gemma2ForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const sizes = parseWith(gemmaSizes(256000, 8192), json, path);
    const fields = parseWith(own, json, path);
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...sizes, defaultTheta: 10000 });
    const types = layerTypes(fields.layer_types, {
      features,
      path,
      layers: sizes.layers,
      fallback: (index) => (index % 2 === 0 ? 'sliding_attention' : 'full_attention'),
    });
    const activation = features.activation('hidden_activation', fields.hidden_activation);
    features.check();
    return llamaLike({
      family: 'gemma2',
      path,
      sizes,
      activation,
      layer: (index) => ({ rope, window: types[index] === 'sliding_attention' ? fields.sliding_window : undefined }),
      longest: rope,
      softcap: fields.attn_logit_softcapping,
      logitSoftcap: fields.final_logit_softcapping,
      ...gemmaTraits(sizes.hiddenSize, fields),
    });
  },
};
