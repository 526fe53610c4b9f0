import { gradientRule } from '../gradient-rule.ts';

/**
 * Sum: Y = X₀ + X₁ + …, with broadcasting
 *
 *   dXᵢ = dY
 *
 * @see ONNX Sum-13
 */
export const sumGradient = gradientRule({
  opType: 'Sum',
  outputs: ['Y'],
  backward: ({ node, gradients: { Y: dY } }) => node.inputs.map(() => () => dY),
});
