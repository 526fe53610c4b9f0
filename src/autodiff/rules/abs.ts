import { mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Abs: Y = |X|
 *
 *   dX = dY ∘ sign(X), 0 where X = 0
 *
 * @see ONNX Abs-13
 */
export const absGradient = gradientRule({
  opType: 'Abs',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({ X: () => mul(tape, dY, unary(tape, 'Sign', X)) }),
});
