import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderConfig } from '../decoder-config.ts';
import type { RopeConfig } from '../rope.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { nullable, optional, positiveInteger } from './fields.ts';
import { gemmaFields, gemmaSizes, gemmaTraits } from './gemma.ts';
import { layerTypes, type LayerType } from './layer-types.ts';
import { llamaLike } from './llama-like.ts';
import { ropeOf, ropeParameters, type RopeContext } from './read-rope.ts';
import { textPart } from './text-part.ts';

const own = z.looseObject({
  ...gemmaFields,
  final_logit_softcapping: nullable(z.number().positive(), undefined),
  sliding_window_pattern: optional(positiveInteger, 6),
  rope_theta: z.number().positive().nullish(),
  rope_local_base_freq: z.number().positive().nullish(),
  rope_scaling: ropeParameters.nullish(),
  rope_parameters: z
    .looseObject({ full_attention: ropeParameters.nullish(), sliding_attention: ropeParameters.nullish() })
    .nullish(),
});

/**
 * The text part of Gemma 3. Heads are normalized. Five layers with a sliding window follow each other, then one layer with full
 * attention. The two kinds have different rotary bases, and rotary scaling applies to full attention only. As in transformers,
 * `attn_logit_softcapping` has no effect.
 */
export const gemma3: DecoderFamily = {
  modelType: 'gemma3_text',
  architecture: 'Gemma3ForCausalLM',
  parse: (json, path) => parseGemma3(json, { path, family: 'gemma3_text', root: 'model' }),
};

/** The network for images and text. Espalier uses its text part. */
export const gemma3Multimodal: DecoderFamily = {
  modelType: 'gemma3',
  architecture: 'Gemma3ForConditionalGeneration',
  parse(json, path) {
    // As in transformers, the whole network does not cap its logits, whatever its text part says.
    const text = { ...textPart(json, path, true), final_logit_softcapping: null };
    return parseGemma3(text, { path, family: 'gemma3', root: 'model.language_model' });
  },
  rename: (name) =>
    name.replace(/^language_model\.model\./, 'model.language_model.').replace(/^language_model\.lm_head/, 'lm_head'),
  isForeign: (name) => /^(model\.)?(vision_tower|multi_modal_projector)\./.test(name),
};

interface Place {
  readonly path: string;
  readonly family: string;
  /** The path of the network without its head. */
  readonly root: string;
}

function parseGemma3(json: unknown, { path, family, root }: Place): DecoderConfig {
  const features = new Features(json, path, own);
  const sizes = parseWith(gemmaSizes(262208, 131072), json, path);
  const fields = parseWith(own, json, path);
  const ropes = readRopes(fields, { features, path, ...sizes, defaultTheta: NaN });
  const types = layerTypes(fields.layer_types, {
    features,
    path,
    layers: sizes.layers,
    fallback: (index) => ((index + 1) % fields.sliding_window_pattern ? 'sliding_attention' : 'full_attention'),
  });
  const activation = features.activation('hidden_activation', fields.hidden_activation);
  features.check();
  return llamaLike({
    family,
    path,
    root,
    sizes,
    activation,
    layer(index) {
      const type = types[index] ?? 'full_attention';
      return { rope: ropes[type], window: type === 'sliding_attention' ? fields.sliding_window : undefined };
    },
    longest: ropes.full_attention,
    queryKeyNorm: 'head',
    logitSoftcap: fields.final_logit_softcapping,
    ...gemmaTraits(sizes.hiddenSize, fields),
  });
}

function readRopes(fields: z.infer<typeof own>, context: RopeContext): Record<LayerType, RopeConfig> {
  const { full_attention: full, sliding_attention: sliding } = fields.rope_parameters ?? {};
  const all = { ...full, ...fields.rope_scaling };
  return {
    full_attention: ropeOf({ ...all, rope_theta: all.rope_theta ?? fields.rope_theta ?? 1_000_000 }, context),
    sliding_attention: ropeOf(
      { ...sliding, rope_theta: sliding?.rope_theta ?? fields.rope_local_base_freq ?? 10_000 },
      context,
    ),
  };
}
