import { mul, sub, sumOver, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * LogSoftmax: L = ln softmax of S over one axis
 *
 *   dS = dL − eᴸ ∘ Σ dL        with the sum over that axis
 *
 * @see ONNX LogSoftmax-13
 */
export const logSoftmaxGradient = gradientRule({
  opType: 'LogSoftmax',
  inputs: ['S'],
  outputs: ['L'],
  backward: ({ tape, node, outputs: { L }, gradients: { L: dL } }) => ({
    S() {
      const total = sumOver(tape, dL, [node.intAttribute('axis', -1)], true);
      return sub(tape, dL, mul(tape, unary(tape, 'Exp', L), total));
    },
  }),
});
