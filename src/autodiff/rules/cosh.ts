import { mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Cosh: Y = cosh X
 *
 *   dX = dY ∘ sinh X
 *
 * @see ONNX Cosh-22
 */
export const coshGradient = gradientRule({
  opType: 'Cosh',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => mul(tape, dY, unary(tape, 'Sinh', X)),
  }),
});
