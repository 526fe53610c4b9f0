import { div, scale } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Sqrt: Y = √X
 *
 *   dX = dY / (2·Y)
 *
 * @see ONNX Sqrt-13
 */
export const sqrtGradient = gradientRule({
  opType: 'Sqrt',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, outputs: { Y }, gradients: { Y: dY } }) => ({ X: () => div(tape, scale(tape, dY, 0.5), Y) }),
});
