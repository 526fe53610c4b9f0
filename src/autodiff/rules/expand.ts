import { gradientRule } from '../gradient-rule.ts';

/**
 * Expand: the input broadcast to a shape
 *
 *   dinput = doutput; the driver sums over the axes that were broadcast
 *
 * @see ONNX Expand-13
 */
export const expandGradient = gradientRule({
  opType: 'Expand',
  inputs: ['input', 'shape'],
  outputs: ['output'],
  backward: ({ gradients: { output } }) => ({ input: () => output }),
});
