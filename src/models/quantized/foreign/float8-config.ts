import { z } from 'zod';
import { readFields } from './read-fields.ts';

/** How many rows and columns share a scale. undefined: all. */
export type ScaledBlock = readonly [rows: number | undefined, columns: number | undefined];

/** How a checkpoint with `quant_method: fp8` has stored its linear layers. */
export interface Float8Config {
  readonly scheme: 'fp8';
  readonly block: ScaledBlock;
}

const size = z.number().int().min(1);
/** WHY any activation_scheme: it says how the tool rounds the inputs of products, which are not rounded here. */
const fields = {
  weight_block_size: z.tuple([size, size]).nullish(),
  fmt: z.literal('e4m3').nullish(),
  scale_fmt: z.literal('float').nullish(),
  modules_to_convert: z.array(z.never()).nullish(),
  kv_cache_scheme: z.null().optional(),
} as const;
const ignored = ['activation_scheme', 'modules_to_not_convert', 'ignored_layers', 'dequantize'];

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED */
export function readFloat8(given: Readonly<Record<string, unknown>>, path: string): Float8Config {
  const { weight_block_size: block } = readFields(given, { path, parsers: fields, ignored });
  return { scheme: 'fp8', block: block ?? [undefined, undefined] };
}
