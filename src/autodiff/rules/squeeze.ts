import { gradientRule } from '../gradient-rule.ts';
import { reshapeLike } from '../shapes.ts';

/**
 * Squeeze: removes axes of size 1
 *
 *   ddata = dsqueezed with the axes inserted again
 *
 * @see ONNX Squeeze-21
 */
export const squeezeGradient = gradientRule({
  opType: 'Squeeze',
  inputs: ['data', 'axes?'],
  outputs: ['squeezed'],
  backward: ({ tape, inputs: { data, axes }, gradients: { squeezed } }) => ({
    data: () => (axes ? tape.op('Unsqueeze', [squeezed, axes]) : reshapeLike(tape, squeezed, data)),
  }),
});
