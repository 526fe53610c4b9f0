import { z } from 'zod';
import type { ScaledBlock } from './float8-config.ts';
import { readFields, unsupported } from './read-fields.ts';

/** How compressed-tensors has stored the linear layers of a checkpoint. */
export type CompressedConfig = CompressedIntegers | CompressedFloats;

interface CompressedIntegers {
  readonly scheme: 'compressed-tensors';
  /** `packed`: words of 32 bits, `bytes`: signed bytes. */
  readonly layout: 'packed' | 'bytes';
  readonly bits: 4 | 8;
  /** undefined: all columns of a row share one scale. */
  readonly groupSize: number | undefined;
  /** Whether the checkpoint says how inputs of products are rounded. Scales of inputs may then lie beside the matrices. */
  readonly hasInputs: boolean;
}

/** Floats of 8 bits. */
interface CompressedFloats {
  readonly scheme: 'compressed-tensors';
  readonly layout: 'floats';
  readonly block: ScaledBlock;
}

type Fields = Readonly<Record<string, unknown>>;

const nothing = z.null().optional();
const noSettings = z.union([z.strictObject({}), z.null(), z.literal('dense')]).optional();
const format = z.enum(['pack-quantized', 'int-quantized', 'float-quantized', 'naive-quantized']);
const outerFields = {
  format,
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
  format: format.nullish(),
} as const;

const size = z.number().int().min(1);
const weightFields = {
  num_bits: z.union([z.literal(4), z.literal(8)]),
  type: z.enum(['int', 'float']),
  strategy: z.enum(['group', 'channel', 'tensor', 'block']),
  group_size: size.nullish(),
  block_structure: z.tuple([size, size]).nullish(),
  dynamic: z.literal(false).nullish(),
} as const;
/** WHY symmetric and actorder: the tensors of zero points and `weight_g_idx` say the same, and they are what is read. */
const weightIgnored = ['symmetric', 'actorder', 'observer', 'observer_kwargs', 'scale_dtype', 'zp_dtype'];

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED */
export function readCompressed(given: Fields, path: string): CompressedConfig {
  const outer = readFields(given, { path, parsers: outerFields, ignored: outerIgnored });
  const [name = '', group = {}] = Object.entries(outer.config_groups)[0] ?? [];
  const place = `config_groups.${name}`;
  const { weights, format: own } = readFields(group, {
    path,
    parsers: groupFields,
    ignored: ['targets', 'input_activations'],
    place,
  });
  const inner = `${place}.weights`;
  const read = readFields(weights, { path, parsers: weightFields, ignored: weightIgnored, place: inner });
  const { num_bits: bits, type, strategy, group_size: groupSize, block_structure: rectangle } = read;
  const written = own ?? outer.format;
  const isFloat = written === 'float-quantized' || (written === 'naive-quantized' && type === 'float');
  if (isFloat !== (type === 'float')) throw unsupported(path, `${inner}.type`, type, `another one in ${written}`);
  if (written !== 'pack-quantized' && bits === 4)
    throw unsupported(path, `${inner}.num_bits`, bits, '8 in this format');
  if (strategy === 'group' && typeof groupSize !== 'number')
    throw unsupported(path, `${inner}.group_size`, groupSize, 'a number');
  if ((strategy === 'block') !== Array.isArray(rectangle))
    throw unsupported(path, `${inner}.block_structure`, rectangle, 'two numbers, with the strategy block');
  const scheme = 'compressed-tensors';
  const columns = strategy === 'group' ? (groupSize ?? undefined) : undefined;
  if (isFloat) {
    const block: ScaledBlock = rectangle ?? [strategy === 'tensor' ? undefined : 1, columns];
    return { scheme, layout: 'floats', block };
  }
  if (strategy === 'tensor' || strategy === 'block')
    throw unsupported(path, `${inner}.strategy`, strategy, 'group or channel for integers');
  const hasInputs = (group['input_activations'] ?? null) !== null;
  return { scheme, layout: written === 'pack-quantized' ? 'packed' : 'bytes', bits, groupSize: columns, hasInputs };
}
