import { readFields } from './read-fields.ts';

/** A checkpoint with `quant_method: mxfp4`: the matrices of experts lie in blocks, all other weights are floats. */
export interface Mxfp4Config {
  readonly scheme: 'mxfp4';
}

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED */
export function readMxfp4(given: Readonly<Record<string, unknown>>, path: string): Mxfp4Config {
  readFields(given, { path, parsers: {}, ignored: ['modules_to_not_convert', 'dequantize'] });
  return { scheme: 'mxfp4' };
}
