import { gradientRule } from '../gradient-rule.ts';
import { rankOf } from '../shapes.ts';

/**
 * Transpose: axis i of the result is axis perm[i] of the data
 *
 *   ddata = dtransposed by the inverse permutation
 *
 * @see ONNX Transpose-21
 */
export const transposeGradient = gradientRule({
  opType: 'Transpose',
  inputs: ['data'],
  outputs: ['transposed'],
  backward: ({ tape, node, inputs: { data }, gradients: { transposed } }) => ({
    data() {
      const reversed = Array.from({ length: rankOf(data, node) }, (_, axis) => axis).reverse();
      const perm = node.intsAttribute('perm', reversed);
      return tape.op('Transpose', [transposed], { attributes: { perm: perm.map((_, axis) => perm.indexOf(axis)) } });
    },
  }),
});
