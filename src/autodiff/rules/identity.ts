import { gradientRule } from '../gradient-rule.ts';

/**
 * Identity: Y = X
 *
 *   dX = dY
 *
 * @see ONNX Identity-21
 */
export const identityGradient = gradientRule({
  opType: 'Identity',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ gradients: { Y: dY } }) => ({ X: () => dY }),
});
