import type { Value } from '../../ir/index.ts';
import { sameAs } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { savedOutput } from '../saved-output.ts';
import { zerosLike } from '../shapes.ts';

/**
 * TopK: the k largest or smallest elements along an axis, and their indices
 *
 *   dX = zeros, with dvalues at the indices
 *
 * @see ONNX TopK-24
 */
export const topKGradient = gradientRule({
  opType: 'TopK',
  inputs: ['X', 'K'],
  outputs: ['values'],
  backward: ({ tape, node, inputs: { X }, gradients: { values: dY } }) => ({
    X() {
      const places: Value = savedOutput(tape, node, { index: 1, name: 'indices', dtype: 'int64', shape: dY.shape });
      const attributes = { axis: node.intAttribute('axis', -1) };
      return tape.op('ScatterElements', [zerosLike(tape, X), places, dY], { attributes, ...sameAs(X) });
    },
  }),
});
