import { toFloat32 } from '../../../tensor/index.ts';
import type { Float8Weight, WeightRef } from '../../weight-ref.ts';
import { Problems, type QuantizableMatrix, type QuantizedResult } from '../quantized-weight.ts';
import type { Float8Config } from './float8-config.ts';

/** Interprets `weight` and `weight_scale_inv`. @returns undefined if the matrix consists of wider floats */
export function float8Weight(
  { name, rows, columns }: QuantizableMatrix,
  listed: ReadonlyMap<string, WeightRef>,
  { block: [blockRows, blockColumns] = [rows, columns] }: Float8Config,
): QuantizedResult | undefined {
  const [packed, scales] = [listed.get(name), listed.get(`${name}_scale_inv`)];
  if (packed?.dtype !== 'float8e4m3fn') return undefined;
  if (scales === undefined) return { problem: `${name} has no ${name}_scale_inv` };
  const grid = [Math.ceil(rows / blockRows), Math.ceil(columns / blockColumns)];
  const isOne = grid.join() === '1,1' && ['', '1'].includes(scales.shape.join());
  const problems = new Problems();
  problems.expect(packed, 'float8e4m3fn', [rows, columns]);
  const type = (['float16', 'bfloat16'] as const).find((each) => each === scales.dtype) ?? 'float32';
  problems.expect(scales, type, isOne ? scales.shape : grid);
  const activations = listed.get(name.replace(/weight$/, 'activation_scale'));
  const weight: Float8Weight = { kind: 'float8', rows, columns, blockRows, blockColumns, scales };
  return problems.or({ weight, used: [scales.name, ...(activations ? [activations.name] : [])] });
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
