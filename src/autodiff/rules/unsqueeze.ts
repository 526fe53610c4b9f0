import { gradientRule } from '../gradient-rule.ts';

/**
 * Unsqueeze: inserts axes of size 1
 *
 *   ddata = dexpanded with the axes removed
 *
 * @see ONNX Unsqueeze-21
 */
export const unsqueezeGradient = gradientRule({
  opType: 'Unsqueeze',
  inputs: ['data', 'axes'],
  outputs: ['expanded'],
  backward: ({ tape, inputs: { axes }, gradients: { expanded } }) => ({
    data: () => tape.op('Squeeze', [expanded, axes]),
  }),
});
