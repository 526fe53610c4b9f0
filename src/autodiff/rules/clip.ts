import { keepWhere } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Clip: Y = min(max(X, low), high). The bounds have no gradient.
 *
 *   dX = dY where Y = X (X lies within the bounds), else 0
 *
 * @see ONNX Clip-13
 */
export const clipGradient = gradientRule({
  opType: 'Clip',
  inputs: ['X', 'low?', 'high?'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, outputs: { Y }, gradients: { Y: dY } }) => ({
    X: () => keepWhere(tape, tape.op('Equal', [X, Y]), dY),
  }),
});
