import { mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Softplus: Y = ln(1 + eˣ)
 *
 *   dX = dY ∘ σ(X)
 *
 * @see ONNX Softplus-22
 */
export const softplusGradient = gradientRule({
  opType: 'Softplus',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => mul(tape, dY, unary(tape, 'Sigmoid', X)),
  }),
});
