import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';
import type { DecoderConfig } from '../decoder-config.ts';
import type { RopeConfig } from '../rope.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { Features } from './features.ts';
import { optional, sizesSchema, type SizeDefaults, type Sizes } from './fields.ts';
import { llamaLike, type LlamaLike } from './llama-like.ts';
import { readRope, ropeFields, type RopeContext, type RopeParameters } from './read-rope.ts';

/** A family whose modules are named as in Llama, and whose layers share one rotary embedding at most. */
export interface LlamaFamily<Fields> extends Pick<DecoderFamily, 'modelType' | 'architecture'> {
  readonly sizes: SizeDefaults;
  /** The name of the field for the epsilon of the norms. Default: `rms_norm_eps`. */
  readonly epsilon?: string;
  readonly activation?: string;
  /** `unsaid`: the rotary settings of a file without any. */
  readonly rope: { readonly theta: number; readonly unsaid?: RopeParameters } & Pick<
    RopeContext,
    'partial' | 'interleaved'
  >;
  /** The fields of config.json that only this family has. */
  readonly fields: z.ZodType<Fields> & { readonly shape: object };
  /** What differs from Llama. `rope`, `window` and others may differ from layer to layer. */
  readonly traits: (fields: Fields, parts: FamilyParts) => Partial<LlamaLike>;
}

/** What was read before the traits of the family. */
export interface FamilyParts {
  readonly sizes: Sizes;
  readonly rope: RopeConfig;
  readonly features: Features;
  readonly path: string;
}

const activationField = (fallback: string): z.ZodType<{ hidden_act: string }> =>
  z.looseObject({ hidden_act: optional(z.string(), fallback) });

/** Makes a family from its differences to Llama. */
export function llamaFamily<Fields>(family: LlamaFamily<Fields>): DecoderFamily {
  const { modelType, architecture } = family;
  return {
    modelType,
    architecture,
    parse: (json, path) => parseLlamaFamily(family, json, { path, family: modelType }),
  };
}

/** Reads a config.json, or the part of one that describes the text. @param place  the path of the file, for messages */
export function parseLlamaFamily<Fields>(
  { sizes: defaults, rope, traits, ...own }: LlamaFamily<Fields>,
  json: unknown,
  place: Pick<LlamaLike, 'family' | 'path' | 'root'>,
): DecoderConfig {
  const { path } = place;
  const features = new Features(json, path, own.fields);
  const sizes = {
    ...parseWith(sizesSchema(defaults), json, path),
    epsilon: epsilonOf(own.epsilon, defaults, { json, path }),
  };
  const fields = parseWith(own.fields, json, path);
  const { theta, unsaid, ...kind } = rope;
  const context = { features, path, ...sizes, defaultTheta: theta, ...kind };
  const given = parseWith(ropeFields, json, path);
  const isSaid = given.rope_parameters ?? given.rope_scaling ?? undefined;
  const shared = readRope(isSaid === undefined && unsaid ? { ...given, rope_parameters: unsaid } : given, context);
  const { hidden_act: act } = parseWith(activationField(own.activation ?? 'silu'), json, path);
  const differences = traits(fields, { sizes, rope: shared, features, path });
  const activation = differences.activation ?? features.activation('hidden_act', act);
  features.check();
  return llamaLike({ sizes, layer: () => ({ rope: shared }), longest: shared, ...differences, ...place, activation });
}

function epsilonOf(
  name = 'rms_norm_eps',
  { rms_norm_eps: fallback }: SizeDefaults,
  { json, path }: { readonly json: unknown; readonly path: string },
): number {
  const read = parseWith(z.looseObject({ [name]: optional(z.number().positive(), fallback) }), json, path);
  return Number(read[name]);
}
