import { mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Exp: Y = eˣ
 *
 *   dX = dY ∘ Y
 *
 * @see ONNX Exp-13
 */
export const expGradient = gradientRule({
  opType: 'Exp',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, outputs: { Y }, gradients: { Y: dY } }) => ({ X: () => mul(tape, dY, Y) }),
});
