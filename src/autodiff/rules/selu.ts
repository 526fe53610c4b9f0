import { mul, scalar, scale, shift } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Selu: Y = γX where X > 0, else γα(eˣ − 1)
 *
 *   dX = γ·dY where X > 0, else dY ∘ (Y + γα)
 *
 * @see ONNX Selu-22; Klambauer et al. 2017
 */
export const seluGradient = gradientRule({
  opType: 'Selu',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X }, outputs: { Y }, gradients: { Y: dY } }) => ({
    X() {
      const gamma = node.floatAttribute('gamma', 1.0507009873554805);
      const alpha = node.floatAttribute('alpha', 1.6732632423543772);
      const positive = tape.op('Greater', [X, scalar(tape, 0, X)]);
      const below = mul(tape, dY, shift(tape, Y, gamma * alpha));
      return tape.op('Where', [positive, scale(tape, dY, gamma), below]);
    },
  }),
});
