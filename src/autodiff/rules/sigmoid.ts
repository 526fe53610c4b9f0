import { mul, sub } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Sigmoid: Y = 1 / (1 + e⁻ˣ)
 *
 *   dX = dY ∘ Y ∘ (1 − Y) = t − t ∘ Y,   t = dY ∘ Y
 *
 * @see ONNX Sigmoid-13
 */
export const sigmoidGradient = gradientRule({
  opType: 'Sigmoid',
  inputs: ['X'],
  outputs: ['Y'],
  backward({ tape, outputs: { Y }, gradients: { Y: dY } }) {
    return {
      X() {
        const t = mul(tape, dY, Y);
        return sub(tape, t, mul(tape, t, Y));
      },
    };
  },
});
