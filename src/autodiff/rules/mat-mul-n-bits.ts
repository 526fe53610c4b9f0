import type { Tape, Value } from '../../ir/index.ts';
import { microsoft, sameAs } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { dequantizedRows } from './dequantized-rows.ts';

/**
 * MatMulNBits: Y = A · Wᵀ + bias. W [N, K] is quantized to 4 or 8 bits in blocks along K.
 *
 *   dA = dY · W, W dequantized        dbias = Σ dY
 *
 * W is dequantized anew in every step. Its floats exist only during one product. The weights have no gradient.
 * @see com.microsoft MatMulNBits-1
 */
export const matMulNBitsGradient = gradientRule({
  opType: 'MatMulNBits',
  domain: microsoft,
  inputs: ['A', 'B', 'scales', 'zero_points?', 'g_idx?', 'bias?'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { A, B, scales, zero_points, g_idx }, gradients: { Y: dY } }) {
    return {
      A() {
        if (g_idx) throw notDefined(node, 'MatMulNBits with g_idx');
        const [rows, columns] = [node.intAttribute('N', 0), node.intAttribute('K', 0)];
        const [bits, blockSize] = [node.intAttribute('bits', 4), node.intAttribute('block_size', 32)];
        if (bits !== 4 && bits !== 8) throw notDefined(node, `MatMulNBits of ${bits} bits`);
        const packing = { bits, blockSize, rows, columns } as const;
        const weight = dequantizedRows(tape, { packed: B, scales, zeroPoints: zero_points, ...packing, after: dY });
        return firstColumns(tape, tape.op('MatMul', [dY, weight]), A, columns);
      },
      bias: () => dY,
    };
  },
});

/** Removes the columns that pad the last block. */
function firstColumns(tape: Tape, dA: Value, A: Value, columns: number): Value {
  if (dA.shape?.at(-1) === columns) return dA;
  return tape.op('Slice', [dA, tape.int64s([0]), tape.int64s([columns]), tape.int64s([-1])], sameAs(A));
}
