import { z } from 'zod';

/** Schemas of fields of config.json. A field that is null has the family's default, like a missing field. */
export const positiveInteger = z
  .number()
  .int()
  .positive()
  .max(2 ** 31 - 1);
/** WHY a limit: a description of each layer is built before any weight is looked up. No real model has a tenth of these layers. */
export const layerCount = positiveInteger.max(10_000);

/** A field with a default. */
export function optional<T extends z.ZodType>(schema: T, fallback: z.output<T>): z.ZodType<z.output<T>> {
  return schema.nullish().transform((value) => value ?? fallback);
}

/** A field for which null has another meaning than absence: null becomes undefined, absence the default. */
export function nullable<T extends z.ZodType>(
  schema: T,
  fallback: z.output<T> | undefined,
): z.ZodType<z.output<T> | undefined> {
  return schema.nullish().transform((value) => (value === undefined ? fallback : (value ?? undefined)));
}

/**
 * The length of a sliding window where another field says whether there is one: transformers writes 0 for Qwen2-MoE where there is none.
 * null and 0 become undefined.
 */
export function switchedWindow(fallback: number): z.ZodType<number | undefined> {
  const length = z.number().int().nonnegative();
  return nullable(length, fallback).transform((value) => (value === 0 ? undefined : value));
}

/** The family's defaults of the sizes. */
export interface SizeDefaults {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  /** undefined: the number of query heads. */
  readonly num_key_value_heads?: number;
  /** undefined: hidden size / heads. */
  readonly head_dim?: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: boolean;
}

/** The sizes of a decoder, by the names that most families use. */
export interface Sizes {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly maxPositions: number;
  readonly epsilon: number;
  readonly tied: boolean;
}

/** The schema of the sizes. */
export function sizesSchema(defaults: SizeDefaults): z.ZodType<Sizes> {
  return z
    .looseObject({
      vocab_size: optional(positiveInteger, defaults.vocab_size),
      hidden_size: optional(positiveInteger, defaults.hidden_size),
      intermediate_size: optional(positiveInteger, defaults.intermediate_size),
      num_hidden_layers: optional(layerCount, defaults.num_hidden_layers),
      num_attention_heads: optional(positiveInteger, defaults.num_attention_heads),
      num_key_value_heads: z.union([positiveInteger, z.null()]).optional(),
      head_dim: positiveInteger.nullish(),
      max_position_embeddings: optional(positiveInteger, defaults.max_position_embeddings),
      rms_norm_eps: optional(z.number().positive(), defaults.rms_norm_eps),
      tie_word_embeddings: optional(z.boolean(), defaults.tie_word_embeddings),
    })
    .transform((fields) => ({
      vocabSize: fields.vocab_size,
      hiddenSize: fields.hidden_size,
      intermediateSize: fields.intermediate_size,
      layers: fields.num_hidden_layers,
      heads: fields.num_attention_heads,
      kvHeads: kvHeads(fields.num_key_value_heads, fields.num_attention_heads, defaults),
      headDim: fields.head_dim ?? defaults.head_dim ?? fields.hidden_size / fields.num_attention_heads,
      maxPositions: fields.max_position_embeddings,
      epsilon: fields.rms_norm_eps,
      tied: fields.tie_word_embeddings,
    }));
}

/** null means the number of query heads, whatever the default is. */
function kvHeads(given: number | null | undefined, heads: number, defaults: SizeDefaults): number {
  if (given === undefined) return defaults.num_key_value_heads ?? heads;
  return given ?? heads;
}

/** The schema of fields that are true or false, false by default. */
export function flag(fallback = false): z.ZodType<boolean> {
  return optional(z.boolean(), fallback);
}
