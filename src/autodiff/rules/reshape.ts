import { gradientRule } from '../gradient-rule.ts';
import { reshapeLike } from '../shapes.ts';

/**
 * Reshape: the elements of data in another shape
 *
 *   ddata = dreshaped in the shape of data
 *
 * @see ONNX Reshape-21
 */
export const reshapeGradient = gradientRule({
  opType: 'Reshape',
  inputs: ['data', 'shape'],
  outputs: ['reshaped'],
  backward: ({ tape, inputs: { data }, gradients: { reshaped } }) => ({
    data: () => reshapeLike(tape, reshaped, data),
  }),
});
