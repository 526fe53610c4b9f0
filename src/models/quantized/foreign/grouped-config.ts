import { z } from 'zod';
import { readFields } from './read-fields.ts';

/** How GPTQ or AWQ has packed the linear layers of a checkpoint. */
export interface GroupedConfig {
  readonly scheme: 'gptq' | 'awq';
  readonly bits: 4 | 8;
  /** undefined: all columns of a row share one scale. */
  readonly groupSize: number | undefined;
  readonly zeroOffset: 0 | 1;
}

const groupSize = z
  .literal(-1)
  .or(z.number().int().min(1))
  .transform((size) => (size === -1 ? undefined : size));

/** Absent, or the only value that changes nothing. */
const only = <T extends string | boolean>(value: T): z.ZodType => z.literal(value).nullish();
const empty = z.union([z.array(z.never()), z.strictObject({})]).nullish();

const gptqFields = {
  bits: z.union([z.literal(4), z.literal(8)]),
  group_size: groupSize,
  checkpoint_format: z.enum(['gptq', 'gptq_v2']).nullish(),
  format: z.enum(['gptq', 'gptq_v2']).nullish(),
  is_marlin_format: only(false),
  pack_dtype: only('int32'),
  method: only('gptq'),
  rotation: z.null().optional(),
  dynamic: empty,
  adapter: empty,
} as const;

/** WHY desc_act and sym: the tensors `g_idx` and `qzeros` say the same, and they are what is read. */
const ignored = [
  'act_group_aware',
  'backend',
  'batch_size',
  'block_name_to_quantize',
  'cache_block_outputs',
  'damp_auto_increment',
  'damp_percent',
  'dataset',
  'desc_act',
  'disable_exllama',
  'do_fuse',
  'exllama_config',
  'fuse_max_seq_len',
  'lm_head',
  'max_input_length',
  'meta',
  'model_file_base_name',
  'model_name_or_path',
  'model_seqlen',
  'module_name_preceding_first_block',
  'modules_in_block_to_quantize',
  'modules_to_fuse',
  'modules_to_not_convert',
  'mse',
  'offload_to_disk',
  'pad_token_id',
  'quantizer',
  'static_groups',
  'sym',
  'tokenizer',
  'true_sequential',
  'use_cuda_fp16',
  'use_exllama',
  'version',
];

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED */
export function readGptq(given: Readonly<Record<string, unknown>>, path: string): GroupedConfig {
  const fields = readFields(given, { path, parsers: gptqFields, ignored });
  const format = fields.checkpoint_format ?? fields.format ?? 'gptq';
  return { scheme: 'gptq', bits: fields.bits, groupSize: fields.group_size, zeroOffset: format === 'gptq' ? 1 : 0 };
}

const gemm = z.string().toLowerCase().pipe(z.literal('gemm')).nullish();

const awqFields = {
  bits: z.literal(4),
  group_size: groupSize,
  zero_point: z.literal(true),
  version: gemm,
  format: gemm,
  checkpoint_format: gemm,
  pack_dtype: only('int32'),
  method: only('awq'),
  rotation: z.null().optional(),
  dynamic: empty,
  adapter: empty,
} as const;

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED */
export function readAwq(given: Readonly<Record<string, unknown>>, path: string): GroupedConfig {
  const { group_size: size } = readFields(given, { path, parsers: awqFields, ignored });
  return { scheme: 'awq', bits: 4, groupSize: size, zeroOffset: 0 };
}
