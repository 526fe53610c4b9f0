import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, positiveInteger, sizesSchema } from './fields.ts';
import { llamaLike } from './llama-like.ts';
import { expertNamed, mixtureFields, mixtureOf, mixtureSizes } from './mixtures.ts';
import { readRope, ropeFields } from './read-rope.ts';

const sizes = sizesSchema({
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
});

const own = z.looseObject({
  hidden_act: optional(z.string(), 'silu'),
  sliding_window: positiveInteger.nullish(),
});

/** Mixtral: Mistral with a mixture of experts in every layer. */
export const mixtral: DecoderFamily = {
  modelType: 'mixtral',
  architecture: 'MixtralForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, mixtureFields.extend(own.shape));
    const read = parseWith(sizes, json, path);
    const { hiddenSize, intermediateSize: inner } = read;
    const fields = parseWith(own, json, path);
    const rope = readRope(parseWith(ropeFields, json, path), { features, path, ...read, defaultTheta: 1_000_000 });
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    const experts = mixtureSizes(json, { path, layers: read.layers, defaults: { experts: 8, perToken: 2 } });
    return llamaLike({
      family: 'mixtral',
      path,
      sizes: read,
      activation,
      layer: () => ({ rope, window: fields.sliding_window ?? undefined }),
      longest: rope,
      feedForward: (_, block) =>
        mixtureOf({ path: `${block}.mlp`, hiddenSize, inner, activation, normalizes: true, ...experts }),
    });
  },
  rename: (name) => expertNamed(name.replace('.block_sparse_moe.', '.mlp.')),
};
