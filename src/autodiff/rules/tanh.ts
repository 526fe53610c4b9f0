import { mul, sub } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Tanh: Y = tanh X
 *
 *   dX = dY ∘ (1 − Y²) = dY − dY ∘ Y ∘ Y
 *
 * @see ONNX Tanh-13
 */
export const tanhGradient = gradientRule({
  opType: 'Tanh',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, outputs: { Y }, gradients: { Y: dY } }) => ({
    X: () => sub(tape, dY, mul(tape, mul(tape, dY, Y), Y)),
  }),
});
