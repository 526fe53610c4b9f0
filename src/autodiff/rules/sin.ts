import { mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Sin: Y = sin X
 *
 *   dX = dY ∘ cos X
 *
 * @see ONNX Sin-7
 */
export const sinGradient = gradientRule({
  opType: 'Sin',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({ X: () => mul(tape, dY, unary(tape, 'Cos', X)) }),
});
