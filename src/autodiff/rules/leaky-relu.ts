import { scalar, scale } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * LeakyRelu: Y = X where X ≥ 0, else αX
 *
 *   dX = dY where X ≥ 0, else α·dY
 *
 * @see ONNX LeakyRelu-16
 */
export const leakyReluGradient = gradientRule({
  opType: 'LeakyRelu',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X }, gradients: { Y: dY } }) => ({
    X() {
      const positive = tape.op('GreaterOrEqual', [X, scalar(tape, 0, X)]);
      return tape.op('Where', [positive, dY, scale(tape, dY, node.floatAttribute('alpha', 0.01))]);
    },
  }),
});
