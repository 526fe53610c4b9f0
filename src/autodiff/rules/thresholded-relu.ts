import { keepWhere, scalar } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * ThresholdedRelu: Y = X where X > α, else 0
 *
 *   dX = dY where X > α, else 0
 *
 * @see ONNX ThresholdedRelu-22
 */
export const thresholdedReluGradient = gradientRule({
  opType: 'ThresholdedRelu',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => keepWhere(tape, tape.op('Greater', [X, scalar(tape, node.floatAttribute('alpha', 1), X)]), dY),
  }),
});
