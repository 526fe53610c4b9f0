import type { GroupedWeight, WeightRef } from '../../weight-ref.ts';
import type { Quantization } from '../quantization-config.ts';
import { Problems, type QuantizableMatrix, type QuantizedResult } from '../quantized-weight.ts';
import type { CompressedConfig } from './compressed-config.ts';
import { float8Weight, scalesOfInputs } from './float8.ts';
import type { GroupedConfig } from './grouped-config.ts';

/** The bytes of small tensors that decide how others are read, by name. */
export type SmallTensors = ReadonlyMap<string, Uint8Array>;

export interface FoundMatrix {
  readonly matrix: QuantizableMatrix;
  /** Every tensor of the checkpoint. */
  readonly listed: ReadonlyMap<string, WeightRef>;
  readonly small: SmallTensors;
}

/** Names of tensors that are read when a checkpoint of another tool is opened, by scheme. */
export const smallOfForeign: Readonly<Partial<Record<Quantization['scheme'], RegExp>>> = {
  gptq: /\.(g_idx|bias)$/,
  awq: /\.(g_idx|bias)$/,
  bitsandbytes: /\.quant_state\.bitsandbytes__\w+$|\.weight_format$/,
  'compressed-tensors': /\.weight_(g_idx|shape)$/,
};

const floatTypes = ['float16', 'bfloat16', 'float32'] as const;

/**
 * Interprets the tensors `qweight`, `qzeros`, `scales` and `g_idx` of a module.
 *
 * @returns undefined if the module has no `qweight`
 */
export function groupedWeight(
  { matrix, listed, small }: FoundMatrix,
  config: GroupedConfig,
): QuantizedResult | undefined {
  const { rows, columns } = matrix;
  const path = matrix.name.replace(/\.weight$/, '');
  const at = (name: string): WeightRef | undefined => listed.get(`${path}.${name}`);
  const [packed, scales, zeros, index] = [at('qweight'), at('scales'), at('qzeros'), at('g_idx')];
  if (packed === undefined) return undefined;
  if (scales === undefined || zeros === undefined)
    return { problem: `${packed.name} has no ${path}.scales or .qzeros` };
  const { scheme, bits, groupSize = columns, zeroOffset } = config;
  const perWord = 32 / bits;
  const problems = new Problems();
  if (listed.has(matrix.name)) problems.add(`${matrix.name} lies beside ${packed.name}, expected one of them`);
  if (rows % perWord !== 0 || columns % perWord !== 0) {
    problems.add(`${packed.name} is [${rows}, ${columns}], expected multiples of ${perWord}`);
  }
  const groups = Math.ceil(columns / groupSize);
  problems
    .expect(packed, 'int32', scheme === 'awq' ? [columns, rows / perWord] : [columns / perWord, rows])
    .expect(zeros, 'int32', [groups, rows / perWord])
    .expect(scales, floatTypes.find((type) => type === scales.dtype) ?? 'float16', [groups, rows]);
  if (index) problems.expect(index, 'int32', [columns]);
  const order = index && orderOf(index, { bytes: small.get(index.name), groupSize, groups, problems });
  const bias = at('bias');
  if (scheme === 'awq' && index) problems.add(`${index.name} is unexpected`);
  const weight: GroupedWeight = {
    kind: 'grouped',
    layout: scheme,
    rows,
    columns,
    bits,
    groupSize: Math.min(groupSize, columns),
    scales,
    zeroPoints: zeros,
    zeroOffset,
    order,
  };
  const zeroBias = bias && small.get(bias.name)?.every((byte) => byte === 0) === true ? [bias.name] : [];
  const used = [packed, scales, zeros, ...(index ? [index] : [])].map(({ name }) => name);
  return problems.or({ weight, used: [...used, ...zeroBias], packed });
}

interface Order {
  readonly bytes: Uint8Array | undefined;
  readonly groupSize: number;
  readonly groups: number;
  readonly problems: Problems;
}

/** The tensor of the groups, if the columns of a group are not neighbours. */
function orderOf(index: WeightRef, { bytes, groupSize, groups, problems }: Order): WeightRef | undefined {
  if (bytes === undefined) return index;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(i * 4, true));
  const outside = values.find((group) => group < 0 || group >= groups);
  if (outside !== undefined) problems.add(`${index.name} holds the group ${outside}, expected 0 to ${groups - 1}`);
  return values.every((group, column) => group === Math.floor(column / groupSize)) ? undefined : index;
}

/**
 * Interprets the tensors `weight_packed` or `weight`, `weight_scale`, `weight_zero_point`, `weight_shape` and `weight_g_idx`.
 *
 * @returns undefined if the module has no integers, or floats of 8 bits
 */
export function compressedWeight(
  { matrix, listed, small }: FoundMatrix,
  config: CompressedConfig,
): QuantizedResult | undefined {
  if (config.layout === 'floats') return float8Weight(matrix, listed, config.block);
  const { layout, bits, groupSize: size, hasInputs } = config;
  const { name, rows, columns } = matrix;
  const at = (end: string): WeightRef | undefined => listed.get(`${name}${end}`);
  const [packed, scales, zeros, shape, index] = [
    at(layout === 'packed' ? '_packed' : ''),
    at('_scale'),
    at('_zero_point'),
    at('_shape'),
    at('_g_idx'),
  ];
  if (packed === undefined || (layout === 'bytes' && packed.dtype !== 'int8')) return undefined;
  if (scales === undefined) return { problem: `${packed.name} has no ${name}_scale` };
  const perWord = 32 / bits;
  const problems = new Problems();
  const groupSize = Math.min(size ?? columns, columns);
  const groups = Math.ceil(columns / groupSize);
  if (layout === 'packed') {
    if (listed.has(name)) problems.add(`${name} lies beside ${packed.name}, expected one of them`);
    if (columns % perWord !== 0)
      problems.add(`${packed.name} has ${columns} columns, expected a multiple of ${perWord}`);
    problems.expect(packed, 'int32', [rows, columns / perWord]);
  } else problems.expect(packed, 'int8', [rows, columns]);
  problems.expect(scales, floatTypes.find((type) => type === scales.dtype) ?? 'bfloat16', [rows, groups]);
  if (zeros?.dtype === 'int8' || (zeros && layout === 'bytes')) problems.expect(zeros, 'int8', [rows, groups]);
  else if (zeros) {
    if (rows % perWord !== 0) problems.add(`${zeros.name} packs ${rows} rows, expected a multiple of ${perWord}`);
    problems.expect(zeros, 'int32', [rows / perWord, groups]);
  }
  if (shape) checkShape(shape, { bytes: small.get(shape.name), expected: [rows, columns], problems });
  if (index) problems.expect(index, 'int32', [columns]);
  const order = index && orderOf(index, { bytes: small.get(index.name), groupSize, groups, problems });
  const weight: GroupedWeight = {
    kind: 'grouped',
    layout,
    rows,
    columns,
    bits,
    groupSize,
    scales,
    zeroPoints: zeros,
    zeroOffset: 0,
    order,
  };
  const inputs = hasInputs ? scalesOfInputs(name, listed) : [];
  const used = [...[packed, scales, zeros, shape, index].flatMap((ref) => ref?.name ?? []), ...inputs];
  return problems.or({ weight, used, packed });
}

interface Shape {
  readonly bytes: Uint8Array | undefined;
  readonly expected: readonly number[];
  readonly problems: Problems;
}

function checkShape(ref: WeightRef, { bytes, expected, problems }: Shape): void {
  problems.expect(ref, 'int64', [2]);
  if (bytes?.length !== 16) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = [0, 8].map((offset) => Number(view.getBigInt64(offset, true)));
  if (found.join() !== expected.join())
    problems.add(`${ref.name} holds [${found.join(', ')}], expected [${expected.join(', ')}]`);
}
