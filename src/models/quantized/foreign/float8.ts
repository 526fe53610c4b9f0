import { toFloat32 } from '../../../tensor/index.ts';
import type { Float8Weight, WeightRef } from '../../weight-ref.ts';
import { Problems, type QuantizableMatrix, type QuantizedResult } from '../quantized-weight.ts';
import type { ScaledBlock } from './float8-config.ts';

/**
 * Interprets `weight` and `weight_scale_inv`, or `weight_scale` as AutoFP8 and compressed-tensors name it. Scales of inputs are not used.
 *
 * @returns undefined if the matrix consists of wider floats
 */
export function float8Weight(
  { name, rows, columns }: QuantizableMatrix,
  listed: ReadonlyMap<string, WeightRef>,
  [blockRows = rows, blockColumns = columns]: ScaledBlock,
): QuantizedResult | undefined {
  const packed = listed.get(name);
  if (packed?.dtype !== 'float8e4m3fn') return undefined;
  const [scales, second] = [`${name}_scale_inv`, `${name}_scale`].flatMap((each) => listed.get(each) ?? []);
  if (scales === undefined) return { problem: `${name} has no ${name}_scale_inv or ${name}_scale` };
  const grid = [Math.ceil(rows / blockRows), Math.ceil(columns / blockColumns)];
  const isOne = grid.join() === '1,1' && ['', '1'].includes(scales.shape.join());
  const problems = new Problems();
  if (second) problems.add(`${second.name} lies beside ${scales.name}, expected one of them`);
  problems.expect(packed, 'float8e4m3fn', [rows, columns]);
  const type = (['float16', 'bfloat16'] as const).find((each) => each === scales.dtype) ?? 'float32';
  problems.expect(scales, type, isOne ? scales.shape : grid);
  const weight: Float8Weight = { kind: 'float8', rows, columns, blockRows, blockColumns, scales };
  return problems.or({ weight, used: [scales.name, ...scalesOfInputs(name, listed)] });
}

/** The names of tensors that say how the inputs of a matrix were rounded. Inputs are not rounded here. */
export function scalesOfInputs(name: string, listed: ReadonlyMap<string, WeightRef>): string[] {
  const path = name.replace(/weight$/, '');
  return ['activation_scale', 'input_scale', 'input_zero_point']
    .map((end) => path + end)
    .filter((each) => listed.has(each));
}

/** @returns f32 [rows, columns], each number rounded once */
export function dequantizeFloat8(
  { rows, columns, blockRows, blockColumns }: Float8Weight,
  { packed, scales }: { readonly packed: Uint8Array; readonly scales: Float32Array },
): Float32Array {
  const blocks = Math.ceil(columns / blockColumns);
  const values = toFloat32({ dtype: 'float8e4m3fn', shape: [rows, columns], bytes: packed });
  return values.map((value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return value * (scales[Math.floor(row / blockRows) * blocks + Math.floor(column / blockColumns)] ?? 0);
  });
}
