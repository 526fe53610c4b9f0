import { mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Reciprocal: Y = 1 / X
 *
 *   dX = −dY ∘ Y²
 *
 * @see ONNX Reciprocal-13
 */
export const reciprocalGradient = gradientRule({
  opType: 'Reciprocal',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, outputs: { Y }, gradients: { Y: dY } }) => ({
    X: () => mul(tape, unary(tape, 'Neg', dY), mul(tape, Y, Y)),
  }),
});
