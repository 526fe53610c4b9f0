import type { Tape, Value } from '../../ir/index.ts';
import { mul, sub, sumOver } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Softmax: P = softmax of S over one axis
 *
 *   dS = P ∘ (dP − Σ dP ∘ P)        with the sum over that axis
 *
 * @see ONNX Softmax-13
 */
export const softmaxGradient = gradientRule({
  opType: 'Softmax',
  inputs: ['S'],
  outputs: ['P'],
  backward: ({ tape, node, outputs: { P: raw }, gradients: { P: dP } }) => ({
    S() {
      const P = withoutNaN(tape, raw);
      const mean = sumOver(tape, mul(tape, dP, P), [node.intAttribute('axis', -1)], true);
      return mul(tape, P, sub(tape, dP, mean));
    },
  }),
});

/**
 * If the graph replaces NaN in the softmax, returns the result of the replacement. The softmax of a row of minus infinity is NaN, and
 * exporters replace it by 0: `Where(IsNaN(P), 0, P)`. The gradient of such a row is 0, but 0 · NaN would be NaN.
 */
function withoutNaN(tape: Tape, P: Value): Value {
  for (const { node, index } of P.uses) {
    const test = node.inputs[0]?.producer;
    if (node.opType !== 'Where' || index !== 2 || test?.opType !== 'IsNaN' || test.inputs[0] !== P) continue;
    const [replaced] = node.outputs;
    // WHY checked: the Where may be in the body of a loop, whose values cannot be read here.
    if (replaced && tape.model.graph.value(replaced.name) === replaced) return replaced;
  }
  return P;
}
