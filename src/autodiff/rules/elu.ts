import { mul, scalar, shift } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Elu: Y = X where X > 0, else α(eˣ − 1)
 *
 *   dX = dY where X > 0, else dY ∘ (Y + α)
 *
 * @see ONNX Elu-22; Clevert et al. 2015
 */
export const eluGradient = gradientRule({
  opType: 'Elu',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X }, outputs: { Y }, gradients: { Y: dY } }) => ({
    X() {
      const positive = tape.op('Greater', [X, scalar(tape, 0, X)]);
      return tape.op('Where', [positive, dY, mul(tape, dY, shift(tape, Y, node.floatAttribute('alpha', 1)))]);
    },
  }),
});
