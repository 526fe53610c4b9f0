import { z } from 'zod';
import { readFields } from './read-fields.ts';

/** How a checkpoint with `quant_method: fp8` has stored its linear layers. */
export interface Float8Config {
  readonly scheme: 'fp8';
  /** The rows and columns of a rectangle with one scale. undefined: a matrix has one scale. */
  readonly block: readonly [rows: number, columns: number] | undefined;
}

const size = z.number().int().min(1);
/** WHY any activation_scheme: it says how the tool rounds the inputs of products, which are not rounded here. */
const fields = {
  weight_block_size: z.tuple([size, size]).nullish(),
  fmt: z.literal('e4m3').nullish(),
  scale_fmt: z.null().optional(),
} as const;
const ignored = ['activation_scheme', 'modules_to_not_convert', 'dequantize'];

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED */
export function readFloat8(given: Readonly<Record<string, unknown>>, path: string): Float8Config {
  const { weight_block_size: block } = readFields(given, { path, parsers: fields, ignored });
  return { scheme: 'fp8', block: block ?? undefined };
}
