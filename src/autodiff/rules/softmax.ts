import { mul, sub, sumOver } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Softmax: P = softmax of S over one axis
 *
 *   dS = P ∘ (dP − Σ dP ∘ P)        the sum being over that axis
 *
 * @see ONNX Softmax-13
 */
export const softmaxGradient = gradientRule({
  opType: 'Softmax',
  inputs: ['S'],
  outputs: ['P'],
  backward: ({ tape, node, outputs: { P }, gradients: { P: dP } }) => ({
    S() {
      const mean = sumOver(tape, mul(tape, dP, P), [node.intAttribute('axis', -1)], true);
      return mul(tape, P, sub(tape, dP, mean));
    },
  }),
});
