import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { parseWith } from '../parse-with.ts';

/** How a checkpoint's weights were quantized: `quantization_config` in its config.json. docs/formats/quantized-checkpoint.md */
export interface QuantizationConfig {
  /** What most of its linear layers are: in blocks, or whole channels for products of bytes. */
  readonly scheme: 'blocks' | 'int8';
  /** Of the blocks, embeddings in an `int8` checkpoint included. */
  readonly blockSize: number;
  /** Whether products of blocks round what comes in to 8 bits, block by block: many times faster, and as exact as 8 bits are. */
  readonly activations: 'int8' | 'float32';
}

/** What `quant_method` says of a checkpoint of ours. */
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
  /** For readers; each tensor's own shape says how many bits it has. */
  bits: z.union([z.literal(4), z.literal(8)]),
});

/**
 * @param json  the parsed config.json, not trusted
 * @returns undefined for weights that are floats
 * @throws EspalierError MODEL_FEATURE_UNSUPPORTED for another tool's quantization; MODEL_CONFIG_INVALID
 */
export function readQuantization(json: unknown, path: string): QuantizationConfig | undefined {
  const { quantization_config: given } = parseWith(header, json, path);
  if (given === undefined || given === null) return undefined;
  if (given.quant_method !== quantizationMethod) {
    throw new EspalierError('MODEL_FEATURE_UNSUPPORTED', {
      path,
      feature: 'quantization_config.quant_method',
      value: given.quant_method ?? 'nothing',
      supported: `${quantizationMethod} (made by \`espalier quantize\` from the float checkpoint)`,
    });
  }
  const { scheme, block_size: blockSize, activations } = parseWith(fields, given, `quantization_config of ${path}`);
  return { scheme, blockSize, activations };
}

/** The other way: what stands in config.json. */
export function formatQuantization({ scheme, blockSize, activations }: QuantizationConfig, bits: 4 | 8): unknown {
  const numbers = { bits, block_size: blockSize };
  return { quant_method: quantizationMethod, format: formatVersion, scheme, ...numbers, activations };
}
