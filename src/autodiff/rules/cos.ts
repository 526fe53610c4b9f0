import { mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Cos: Y = cos X
 *
 *   dX = −dY ∘ sin X
 *
 * @see ONNX Cos-7
 */
export const cosGradient = gradientRule({
  opType: 'Cos',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => unary(tape, 'Neg', mul(tape, dY, unary(tape, 'Sin', X))),
  }),
});
