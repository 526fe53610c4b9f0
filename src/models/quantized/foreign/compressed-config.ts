import { z } from 'zod';
import { readFields, unsupported } from './read-fields.ts';

/** How compressed-tensors has stored the linear layers of a checkpoint. */
export interface CompressedConfig {
  readonly scheme: 'compressed-tensors';
  /** `packed`: words of 32 bits, `bytes`: signed bytes. */
  readonly layout: 'packed' | 'bytes';
  readonly bits: 4 | 8;
  /** undefined: all columns of a row share one scale. */
  readonly groupSize: number | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const nothing = z.null().optional();
const noSettings = z.union([z.strictObject({}), z.null(), z.literal('dense')]).optional();
const outerFields = {
  format: z.enum(['pack-quantized', 'int-quantized', 'naive-quantized']),
  config_groups: z.record(z.string(), z.looseObject({})).refine((groups) => Object.keys(groups).length === 1, {
    error: 'one group',
  }),
  kv_cache_scheme: nothing,
  quantization_status: z.literal('compressed').nullish(),
  sparsity_config: z.union([noSettings, z.strictObject({ format: z.literal('dense') })]),
  transform_config: noSettings,
} as const;
const outerIgnored = ['global_compression_ratio', 'ignore', 'version', 'run_compressed'];

/** WHY any input_activations: they say how the tool rounds the inputs of products. The weights are the same, and inputs are not rounded here. */
const groupFields = {
  weights: z.looseObject({}),
  output_activations: nothing,
  format: z.enum(['pack-quantized', 'int-quantized', 'naive-quantized']).nullish(),
} as const;

const weightFields = {
  num_bits: z.union([z.literal(4), z.literal(8)]),
  type: z.literal('int'),
  strategy: z.enum(['group', 'channel']),
  group_size: z.number().int().min(1).nullish(),
  block_structure: nothing,
  dynamic: z.literal(false).nullish(),
} as const;
/** WHY symmetric and actorder: the tensors of zero points and `weight_g_idx` say the same, and they are what is read. */
const weightIgnored = ['symmetric', 'actorder', 'observer', 'observer_kwargs', 'scale_dtype', 'zp_dtype'];

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED */
export function readCompressed(given: Fields, path: string): CompressedConfig {
  const outer = readFields(given, { path, parsers: outerFields, ignored: outerIgnored });
  const [name = '', group = {}] = Object.entries(outer.config_groups)[0] ?? [];
  const place = `config_groups.${name}`;
  const { weights, format } = readFields(group, {
    path,
    parsers: groupFields,
    ignored: ['targets', 'input_activations'],
    place,
  });
  const {
    num_bits: bits,
    strategy,
    group_size: size,
  } = readFields(weights, {
    path,
    parsers: weightFields,
    ignored: weightIgnored,
    place: `${place}.weights`,
  });
  const layout = (format ?? outer.format) === 'pack-quantized' ? 'packed' : 'bytes';
  if (layout === 'bytes' && bits === 4) throw unsupported(path, `${place}.weights.num_bits`, bits, '8 in this format');
  if (strategy === 'group' && typeof size !== 'number')
    throw unsupported(path, `${place}.weights.group_size`, size, 'a number');
  return {
    scheme: 'compressed-tensors',
    layout,
    bits,
    groupSize: strategy === 'group' ? (size ?? undefined) : undefined,
  };
}
