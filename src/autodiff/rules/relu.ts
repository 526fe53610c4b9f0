import { mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Relu: Y = max(X, 0)
 *
 *   dX = dY ∘ sign(Y), 0 where X = 0        (Y is never negative, so its sign is 0 or 1)
 *
 * @see ONNX Relu-14
 */
export const reluGradient = gradientRule({
  opType: 'Relu',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, outputs: { Y }, gradients: { Y: dY } }) => ({ X: () => mul(tape, dY, unary(tape, 'Sign', Y)) }),
});
