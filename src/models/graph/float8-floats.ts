import type { Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import type { Float8Weight } from '../weight-ref.ts';
import type { GraphBuilder } from './graph-builder.ts';

export interface Float8Matrix {
  readonly path: string;
  /** The name of the matrix in the checkpoint. */
  readonly name: string;
  readonly weight: Float8Weight;
}

/** The matrix as f32 [rows, columns], computed once, when the model is loaded. ONNX Runtime has no product of these bytes for the CPU. */
export function float8Floats(builder: GraphBuilder, { path, name, weight }: Float8Matrix): Value {
  const { rows, columns, blockRows, blockColumns, scales } = weight;
  const tape = builder.tape(`${path}/floats`);
  const float = (value: Value): Value =>
    value.dtype === 'float32' ? value : tape.op('Cast', [value], { attributes: { to: dataTypeNumber('float32') } });
  const [down, across] = [Math.ceil(rows / blockRows), Math.ceil(columns / blockColumns)];
  const floats = float(builder.bytesOf(name, [rows, columns]));
  let grid = float(builder.bytesOf(scales, [down, across]));
  const spread = (count: number, block: number, axis: 0 | 1): Value => {
    const index = Array.from({ length: count }, (_, i) => Math.floor(i / block));
    return tape.op('Gather', [grid, tape.int64s(index)], { attributes: { axis } });
  };
  if (down > 1) grid = spread(rows, blockRows, 0);
  if (across > 1) grid = spread(columns, blockColumns, 1);
  return tape.op('Mul', [floats, grid]);
}
