import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { RopeConfig, RopeScaling } from '../rope.ts';
import type { Features } from './features.ts';

const number = z.number().nullish();
const factors = z.array(z.number().positive()).nullish();

export const ropeParameters = z.looseObject({
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: z.number().positive().nullish(),
  partial_rotary_factor: z.number().positive().nullish(),
  factor: z.number().positive().nullish(),
  original_max_position_embeddings: z.number().positive().nullish(),
  attention_factor: number,
  beta_fast: number,
  beta_slow: number,
  mscale: number,
  mscale_all_dim: number,
  truncate: z.boolean().nullish(),
  low_freq_factor: number,
  high_freq_factor: number,
  short_factor: factors,
  long_factor: factors,
});

/** One set of rotary settings in config.json. */
export type RopeParameters = z.infer<typeof ropeParameters>;

/** The rotary settings in config.json: one object since transformers 5, several fields in older versions. */
export const ropeFields = z.looseObject({
  rope_parameters: ropeParameters.nullish(),
  rope_scaling: ropeParameters.nullish(),
  rope_theta: z.number().positive().nullish(),
  partial_rotary_factor: z.number().positive().nullish(),
  original_max_position_embeddings: z.number().positive().nullish(),
});

export interface RopeContext {
  readonly features: Features;
  readonly path: string;
  readonly headDim: number;
  /** The value in config.json. */
  readonly maxPositions: number;
  readonly defaultTheta: number;
  /** Present when the family can rotate a part of each head only. It is the default part. */
  readonly partial?: number;
  /** Whether neighbouring coordinates form a pair. */
  readonly interleaved?: boolean;
}

/** Reads the rotary settings that all layers share. */
export function readRope(fields: z.infer<typeof ropeFields>, context: RopeContext): RopeConfig {
  const scaling = fields.rope_scaling && Object.keys(fields.rope_scaling).length > 0 ? fields.rope_scaling : undefined;
  const given = scaling ?? fields.rope_parameters ?? {};
  const nested = Object.entries(given).find(([, value]) => typeof value === 'object' && !Array.isArray(value) && value);
  if (nested) context.features.refuse(`rope_parameters.${nested[0]}`, nested[1], 'one set for all layers');
  return ropeOf(
    {
      ...given,
      rope_theta: given.rope_theta ?? fields.rope_theta,
      partial_rotary_factor: given.partial_rotary_factor ?? fields.partial_rotary_factor,
      original_max_position_embeddings:
        fields.original_max_position_embeddings ?? given.original_max_position_embeddings,
    },
    context,
  );
}

/** One set of rotary settings. */
export function ropeOf(given: RopeParameters, context: RopeContext): RopeConfig {
  const share = given.partial_rotary_factor ?? context.partial ?? 1;
  if (context.partial === undefined && share !== 1)
    context.features.refuse('partial_rotary_factor', share, '1 in this family');
  const dims = Math.trunc(context.headDim * share);
  if (dims % 2 !== 0 || !Number.isInteger(context.headDim))
    invalid(context, `${context.headDim * share} coordinates of a head cannot be turned in pairs`);
  const scaling = scalingOf(given, { ...context, half: dims / 2 });
  const { defaultTheta, interleaved } = context;
  return { theta: given.rope_theta ?? defaultTheta, dims, scaling, ...(interleaved && { interleaved }) };
}

type ScalingContext = RopeContext & { readonly half: number };

function scalingOf(given: RopeParameters, context: ScalingContext): RopeScaling {
  const kind = given.rope_type ?? given.type ?? 'default';
  const original = given.original_max_position_embeddings ?? context.maxPositions;
  const factor = (): number => required(given.factor, { context, kind, name: 'factor' });
  switch (kind) {
    case 'default':
      return { kind: 'none' };
    case 'linear':
      return { kind, factor: factor() };
    case 'dynamic':
      return { kind, factor: factor(), originalLength: context.maxPositions };
    case 'llama3':
      return {
        kind,
        factor: factor(),
        lowFrequencyFactor: required(given.low_freq_factor, { context, kind, name: 'low_freq_factor' }),
        highFrequencyFactor: required(given.high_freq_factor, { context, kind, name: 'high_freq_factor' }),
        originalLength: original,
      };
    case 'yarn':
      return yarn(given, given.factor ?? context.maxPositions / original, original);
    case 'longrope':
      return longrope(given, context, original);
    default:
      context.features.refuse('rope scaling', kind, 'default, linear, dynamic, llama3, yarn, longrope');
      return { kind: 'none' };
  }
}

function yarn(given: RopeParameters, factor: number, originalLength: number): RopeScaling {
  const magnitudeOf = (scale = 1): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const { mscale, mscale_all_dim: all } = given;
  const inferred = mscale && all ? magnitudeOf(mscale) / magnitudeOf(all) : magnitudeOf();
  return {
    kind: 'yarn',
    factor,
    originalLength,
    betaFast: given.beta_fast || 32,
    betaSlow: given.beta_slow || 1,
    truncate: given.truncate ?? true,
    magnitude: given.attention_factor ?? inferred,
  };
}

function longrope(given: RopeParameters, context: ScalingContext, originalLength: number): RopeScaling {
  const list = (name: 'short_factor' | 'long_factor'): readonly number[] => {
    const values = required(given[name], { context, kind: 'longrope', name });
    if (values.length !== context.half)
      invalid(context, `${name} has ${values.length} numbers, expected ${context.half}`);
    return values;
  };
  const factor = given.factor ?? context.maxPositions / originalLength;
  const inferred = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalLength));
  return {
    kind: 'longrope',
    shortFactors: list('short_factor'),
    longFactors: list('long_factor'),
    originalLength,
    magnitude: given.attention_factor ?? inferred,
  };
}

/** Computes the length of the longest row. Some kinds of scaling extend it beyond the positions in config.json. */
export function reachOf({ scaling }: RopeConfig, maxPositions: number): number {
  if (scaling.kind === 'linear' || scaling.kind === 'dynamic')
    return Math.floor(maxPositions * Math.max(1, scaling.factor));
  if (scaling.kind === 'yarn') return Math.max(maxPositions, Math.floor(scaling.originalLength * scaling.factor));
  return maxPositions;
}

function required<T>(
  value: T | null | undefined,
  { context, kind, name }: { context: RopeContext; kind: string; name: string },
): T {
  return value ?? invalid(context, `${name} is missing, which rope scaling ${kind} needs`);
}

function invalid({ path }: RopeContext, problems: string): never {
  throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
}
