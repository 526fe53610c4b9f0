import { mul, scalar, scale, shift } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Celu: Y = X where X > 0, else α(e^(X/α) − 1)
 *
 *   dX = dY where X > 0, else dY ∘ (Y/α + 1)
 *
 * @see ONNX Celu-12; Barron 2017
 */
export const celuGradient = gradientRule({
  opType: 'Celu',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X }, outputs: { Y }, gradients: { Y: dY } }) => ({
    X() {
      const positive = tape.op('Greater', [X, scalar(tape, 0, X)]);
      const slope = shift(tape, scale(tape, Y, 1 / node.floatAttribute('alpha', 1)), 1);
      return tape.op('Where', [positive, dY, mul(tape, dY, slope)]);
    },
  }),
});
