import { microsoft, mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { sigmoidGateSlope } from './gelu-slope.ts';

/**
 * QuickGelu: Y = X ∘ σ(αX); with α = 1 it is SiLU
 *
 *   dX = dY ∘ s ∘ (1 + α(X − Y)),   s = σ(αX)
 *
 * @see com.microsoft QuickGelu-1
 */
export const quickGeluGradient = gradientRule({
  opType: 'QuickGelu',
  domain: microsoft,
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X: x }, outputs: { Y: y }, gradients: { Y: dY } }) => ({
    X: () => mul(tape, dY, sigmoidGateSlope(tape, { x, y, alpha: node.floatAttribute('alpha', Math.fround(1.702)) })),
  }),
});
