import { gradientRule } from '../gradient-rule.ts';
import { zerosLike } from '../shapes.ts';

/**
 * Split: parts of the input along an axis
 *
 *   dinput = the concatenated gradients of the parts, with zeros for a part that has no gradient
 *
 * @see ONNX Split-18
 */
export const splitGradient = gradientRule({
  opType: 'Split',
  inputs: ['input', 'split?'],
  outputs: 'variadic',
  backward: ({ tape, node, inputs: { input }, outputGradients }) => ({
    input() {
      const parts = node.outputs.flatMap((output, i) => outputGradients[i] ?? (output ? zerosLike(tape, output) : []));
      const options = {
        attributes: { axis: node.intAttribute('axis', 0) },
        ...(input.shape && { shape: input.shape }),
      };
      return tape.op('Concat', parts, options);
    },
  }),
});
