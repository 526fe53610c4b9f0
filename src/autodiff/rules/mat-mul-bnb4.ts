import { tensorOf } from '../../tensor/index.ts';
import type { Node, Tape, Value } from '../../ir/index.ts';
import { microsoft, mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { halves, waiting } from './dequantized-rows.ts';

/**
 * MatMulBnb4: Y = A · Wᵀ. W [N, K] is quantized in blocks of its flattened rows; each element is one of 16 numbers.
 *
 *   dA = dY · W, W dequantized
 *
 * WHY not the same operator with transB = 0, which computes this: ONNX Runtime has no such kernel for the CPU.
 * @see com.microsoft MatMulBnb4-1; Dettmers et al. 2023
 */
export const matMulBnb4Gradient = gradientRule({
  opType: 'MatMulBnb4',
  domain: microsoft,
  inputs: ['A', 'B', 'absmax'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { B, absmax }, gradients: { Y: dY } }) => ({
    A() {
      if (node.intAttribute('transB', 1) === 0) throw notDefined(node, 'MatMulBnb4 with transB = 0');
      return tape.op('MatMul', [dY, dequantized(tape, node, { B: waiting(tape, B, dY), absmax })]);
    },
  }),
});

/** The dequantized W [N, K]. */
function dequantized(tape: Tape, node: Node, { B, absmax }: { readonly B: Value; readonly absmax: Value }): Value {
  const [rows, columns] = [node.intAttribute('N', 0), node.intAttribute('K', 0)];
  const blockSize = node.intAttribute('block_size', 64);
  if ((rows * columns) % blockSize !== 0) throw notDefined(node, 'MatMulBnb4 with a last block that is not full');
  const { upper, lower } = halves(tape, B);
  // The first element of two is in the upper half of a byte, unlike in MatMulNBits.
  const pairs = [upper, lower].map((half) => tape.op('Unsqueeze', [half, tape.int64s([-1])]));
  const codes = tape.op('Cast', [tape.op('Concat', pairs, { attributes: { axis: -1 } })], { attributes: { to: 6 } });
  const table = node.intAttribute('quant_type', 1) === 1 ? normalFloats : floats;
  const numbers = tape.op('Gather', [tape.constant(tensorOf('float32', [16], table)), codes]);
  const blocks = tape.op('Reshape', [numbers, tape.int64s([-1, blockSize])]);
  const scaled = mul(tape, blocks, tape.op('Reshape', [absmax, tape.int64s([-1, 1])]));
  return tape.op('Reshape', [scaled, tape.int64s([rows, columns])], { shape: [rows, columns] });
}

/** NF4: the quantiles of a normal distribution (Dettmers et al. 2023, appendix E). */
const normalFloats = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
];

/** FP4: a sign, two bits of exponent and one of mantissa, the largest being 1. */
const positive = [0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4];
const floats = [...positive, ...positive.map((value) => -value)];
