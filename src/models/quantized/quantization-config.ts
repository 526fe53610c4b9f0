import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { parseWith } from '../parse-with.ts';
import { readBitsAndBytes, type BitsAndBytesConfig } from './foreign/bits-and-bytes-config.ts';
import { readCompressed, type CompressedConfig } from './foreign/compressed-config.ts';
import { readFloat8, type Float8Config } from './foreign/float8-config.ts';
import { readMxfp4, type Mxfp4Config } from './foreign/mxfp4-config.ts';
import { readAwq, readGptq, type GroupedConfig } from './foreign/grouped-config.ts';

/** `quantization_config` in config.json: how the weights of a checkpoint were quantized. See docs/formats/quantized-checkpoint.md. */
export interface QuantizationConfig {
  /** How most linear layers are quantized: in blocks, or by whole channels for products of bytes. */
  readonly scheme: 'blocks' | 'int8';
  /** The size of a block. In an `int8` checkpoint it applies to the embeddings. */
  readonly blockSize: number;
  /** Whether products of blocks round their input to 8 bits, block by block. This is many times faster, and as exact as 8 bits allow. */
  readonly activations: 'int8' | 'float32';
}

/** How the weights of a checkpoint were quantized, by Espalier or by another tool. */
export type Quantization =
  | QuantizationConfig
  | GroupedConfig
  | CompressedConfig
  | Float8Config
  | BitsAndBytesConfig
  | Mxfp4Config;

/** The value of `quant_method` in a checkpoint that Espalier quantized. */
export const quantizationMethod = 'espalier';
const formatVersion = 1;

const header = z.looseObject({ quantization_config: z.looseObject({ quant_method: z.string().nullish() }).nullish() });

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value));

const fields = z.strictObject({
  quant_method: z.literal(quantizationMethod),
  format: z.literal(formatVersion),
  scheme: z.enum(['blocks', 'int8']),
  block_size: z.number().int().min(16).max(256).refine(isPowerOfTwo, { error: 'expected a power of two' }),
  activations: z.enum(['int8', 'float32']),
  /** For human readers. The number of bits of each tensor follows from its shape. */
  bits: z.union([z.literal(4), z.literal(8)]),
});

type ForeignReader = (
  given: Readonly<Record<string, unknown>>,
  path: string,
) => Exclude<Quantization, QuantizationConfig>;

/** By `quant_method`. */
const foreignReaders: ReadonlyMap<string, ForeignReader> = new Map<string, ForeignReader>([
  ['gptq', readGptq],
  ['awq', readAwq],
  ['compressed-tensors', readCompressed],
  ['fp8', readFloat8],
  ['bitsandbytes', readBitsAndBytes],
  ['mxfp4', readMxfp4],
]);

/**
 * @param json  the parsed config.json, not trusted
 * @returns undefined when the weights are floats
 * @throws EspalierError MODEL_FEATURE_UNSUPPORTED for a quantization, or a field of one, that is not known; MODEL_CONFIG_INVALID
 */
export function readQuantization(json: unknown, path: string): Quantization | undefined {
  const { quantization_config: given } = parseWith(header, json, path);
  if (given === undefined || given === null) return undefined;
  const foreign = foreignReaders.get(given.quant_method ?? '');
  if (foreign !== undefined) return foreign(given, path);
  if (given.quant_method !== quantizationMethod) {
    throw new EspalierError('MODEL_FEATURE_UNSUPPORTED', {
      path,
      feature: 'quantization_config.quant_method',
      value: given.quant_method ?? 'nothing',
      supported: `${quantizationMethod} (made by \`espalier quantize\` from the float checkpoint), ${[...foreignReaders.keys()].join(', ')}`,
    });
  }
  const { scheme, block_size: blockSize, activations } = parseWith(fields, given, `quantization_config of ${path}`);
  return { scheme, blockSize, activations };
}

/** The inverse of the parser: the JSON object for config.json. */
export function formatQuantization({ scheme, blockSize, activations }: QuantizationConfig, bits: 4 | 8): unknown {
  const numbers = { bits, block_size: blockSize };
  return { quant_method: quantizationMethod, format: formatVersion, scheme, ...numbers, activations };
}
