import type { Tape, Value } from '../../ir/index.ts';
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
  backward: ({ tape, node, outputs: { P: raw }, gradients: { P: dP } }) => ({
    S() {
      const P = withoutNaN(tape, raw);
      const mean = sumOver(tape, mul(tape, dP, P), [node.intAttribute('axis', -1)], true);
      return mul(tape, P, sub(tape, dP, mean));
    },
  }),
});

/**
 * Where the graph puts something in the place of NaN, the result with that. A row of nothing but minus infinity is NaN, and exporters
 * write 0 in its place, `Where(IsNaN(P), 0, P)`: no gradient comes to such a row, but 0 · NaN would be one.
 */
function withoutNaN(tape: Tape, P: Value): Value {
  for (const { node, index } of P.uses) {
    const test = node.inputs[0]?.producer;
    if (node.opType !== 'Where' || index !== 2 || test?.opType !== 'IsNaN' || test.inputs[0] !== P) continue;
    const [replaced] = node.outputs;
    // WHY the question: the reader may be in the body of a loop, whose values are not seen from here.
    if (replaced && tape.model.graph.value(replaced.name) === replaced) return replaced;
  }
  return P;
}
