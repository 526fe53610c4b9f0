import { sameAs } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * CumSum: cumulative sums along an axis, forwards or in reverse, inclusive or exclusive of the element itself
 *
 *   dX = the cumulative sums of dY in the opposite direction
 *
 * @see ONNX CumSum-14
 */
export const cumSumGradient = gradientRule({
  opType: 'CumSum',
  inputs: ['X', 'axis'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, axis }, gradients: { Y: dY } }) => ({
    X() {
      const reverse = node.intAttribute('reverse', 0) === 0 ? 1 : 0;
      const attributes = { reverse, exclusive: node.intAttribute('exclusive', 0) };
      return tape.op('CumSum', [dY, axis], { attributes, ...sameAs(X) });
    },
  }),
});
