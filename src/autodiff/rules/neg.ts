import { unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Neg: Y = −X
 *
 *   dX = −dY
 *
 * @see ONNX Neg-13
 */
export const negGradient = gradientRule({
  opType: 'Neg',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, gradients: { Y: dY } }) => ({ X: () => unary(tape, 'Neg', dY) }),
});
