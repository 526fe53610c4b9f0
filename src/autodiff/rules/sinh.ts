import { mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Sinh: Y = sinh X
 *
 *   dX = dY ∘ cosh X
 *
 * @see ONNX Sinh-22
 */
export const sinhGradient = gradientRule({
  opType: 'Sinh',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => mul(tape, dY, unary(tape, 'Cosh', X)),
  }),
});
