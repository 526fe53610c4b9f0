import { z } from 'zod';
import { readFields, unsupported } from './read-fields.ts';

/** How bitsandbytes has stored the linear layers of a checkpoint. Block sizes and types stand beside each matrix. */
export interface BitsAndBytesConfig {
  readonly scheme: 'bitsandbytes';
  readonly bits: 4 | 8;
}

/** WHY any compute type and threshold: they say how the tool rounds the inputs of products, which are not rounded here. */
const ignored = [
  '_load_in_4bit',
  '_load_in_8bit',
  'bnb_4bit_compute_dtype',
  'bnb_4bit_quant_storage',
  'bnb_4bit_quant_type',
  'bnb_4bit_use_double_quant',
  'llm_int8_enable_fp32_cpu_offload',
  'llm_int8_skip_modules',
  'llm_int8_threshold',
];
const fields = {
  load_in_4bit: z.boolean().nullish(),
  load_in_8bit: z.boolean().nullish(),
  llm_int8_has_fp16_weight: z.literal(false).nullish(),
} as const;

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED */
export function readBitsAndBytes(given: Readonly<Record<string, unknown>>, path: string): BitsAndBytesConfig {
  const read = readFields(given, { path, parsers: fields, ignored });
  const isEight = read.load_in_8bit === true;
  if (isEight === (read.load_in_4bit === true)) {
    const supported = 'load_in_4bit or load_in_8bit, one of them';
    throw unsupported(path, 'load_in_4bit', given['load_in_4bit'], supported);
  }
  return { scheme: 'bitsandbytes', bits: isEight ? 8 : 4 };
}
