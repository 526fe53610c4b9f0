import { mul, shift } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Tan: Y = tan X
 *
 *   dX = dY ∘ (1 + Y²)
 *
 * @see ONNX Tan-22
 */
export const tanGradient = gradientRule({
  opType: 'Tan',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, outputs: { Y }, gradients: { Y: dY } }) => ({
    X: () => mul(tape, dY, shift(tape, mul(tape, Y, Y), 1)),
  }),
});
