import { mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { sigmoidGateSlope } from './gelu-slope.ts';

/**
 * Swish: Y = X ∘ σ(αX)
 *
 *   dX = dY ∘ s ∘ (1 + α(X − Y)),   s = σ(αX)
 *
 * @see ONNX Swish-24
 */
export const swishGradient = gradientRule({
  opType: 'Swish',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X: x }, outputs: { Y: y }, gradients: { Y: dY } }) => ({
    X: () => mul(tape, dY, sigmoidGateSlope(tape, { x, y, alpha: node.floatAttribute('alpha', 1) })),
  }),
});
