import { sameAs } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { zerosLike } from '../shapes.ts';

/**
 * GatherElements: output[i, j, …] = data[indices[i, j, …], j, …] for axis 0, and likewise for other axes
 *
 *   ddata = zeros, to which doutput is added at the indices
 *
 * @see ONNX GatherElements-13
 */
export const gatherElementsGradient = gradientRule({
  opType: 'GatherElements',
  inputs: ['data', 'indices'],
  outputs: ['output'],
  backward: ({ tape, node, inputs: { data, indices }, gradients: { output: dY } }) => ({
    data() {
      const attributes = { axis: node.intAttribute('axis', 0), reduction: 'add' };
      return tape.op('ScatterElements', [zerosLike(tape, data), indices, dY], { attributes, ...sameAs(data) });
    },
  }),
});
