import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, positiveInteger, sizesSchema } from './fields.ts';
import { llamaLike } from './llama-like.ts';
import { readRope, ropeFields } from './read-rope.ts';

const sizes = sizesSchema({
  vocab_size: 32064,
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
});

const own = z.looseObject({
  hidden_act: optional(z.string(), 'silu'),
  sliding_window: positiveInteger.nullish(),
  original_max_position_embeddings: optional(z.number().positive(), 4096),
});

/** Phi-3 and Phi-4. Projections are packed. Rotary embeddings may cover a part of each head, and may depend on the length of the row. */
export const phi3: DecoderFamily = {
  modelType: 'phi3',
  architecture: 'Phi3ForCausalLM',
  parse(json, path) {
    const features = new Features(json, path, own);
    const read = parseWith(sizes, json, path);
    const fields = parseWith(own, json, path);
    const rope = readRope(withModernNames(parseWith(ropeFields, json, path), fields), {
      features,
      path,
      ...read,
      defaultTheta: 10000,
      partial: 1,
    });
    const activation = features.activation('hidden_act', fields.hidden_act);
    features.check();
    return llamaLike({
      family: 'phi3',
      path,
      sizes: read,
      activation,
      layer: () => ({ rope, window: fields.sliding_window ?? undefined }),
      longest: rope,
      packed: true,
      recomputes: true,
    });
  },
};

type RopeFields = z.infer<typeof ropeFields>;
type Parameters = RopeFields['rope_scaling'];

/** Older files call longrope `su` or `yarn`. The original length is a field beside the scaling, never inside it. */
function withModernNames(
  fields: RopeFields,
  { original_max_position_embeddings: original }: z.infer<typeof own>,
): RopeFields {
  const modern = (given: Parameters): Parameters => {
    const kind = given?.rope_type ?? given?.type;
    return kind === 'su' || kind === 'yarn' ? { ...given, rope_type: 'longrope' } : given;
  };
  return {
    ...fields,
    rope_parameters: modern(fields.rope_parameters),
    rope_scaling: modern(fields.rope_scaling),
    original_max_position_embeddings: original,
  };
}
