import type { Tape, Value } from '../../ir/index.ts';
import { gradientRule } from '../gradient-rule.ts';
import { rankOf } from '../shapes.ts';
import { productGradients } from './products.ts';

/**
 * MatMul: Y = A · B  (with numpy's batch semantics; a vector is treated as one row of A, or one column of B)
 *
 *   dA = dY · Bᵀ        dB = Aᵀ · dY        (the last two axes transposed)
 *
 * Both may have broadcast batch axes; the driver sums over them.
 * @see ONNX MatMul-13; Giles 2008, "Collected matrix derivative results", §2.2.2
 */
export const matMulGradient = gradientRule({
  opType: 'MatMul',
  inputs: ['A', 'B'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { A, B }, gradients: { Y: dY } }) {
    const [row, column] = [rankOf(A, node) === 1, rankOf(B, node) === 1];
    const matrices = {
      A: row ? withAxis(tape, A, 0) : A,
      B: column ? withAxis(tape, B, 1) : B,
      dY: asMatrix(tape, dY, { row, column }),
    };
    const { A: dA, B: dB } = productGradients(tape, { node, ...matrices, transA: false, transB: false, alpha: 1 });
    // For a row nothing has to be removed: its axis is the leading one, and the driver sums over leading axes.
    return { A: dA, B: column ? () => tape.op('Squeeze', [dB(), tape.int64s([-1])]) : dB };
  },
});

/** dY with the axes of size 1 that MatMul dropped. */
function asMatrix(tape: Tape, dY: Value, { row, column }: { row: boolean; column: boolean }): Value {
  const withColumn = column ? withAxis(tape, dY, -1) : dY;
  return row ? withAxis(tape, withColumn, -2) : withColumn;
}

function withAxis(tape: Tape, x: Value, axis: number): Value {
  return tape.op('Unsqueeze', [x, tape.int64s([axis])]);
}
