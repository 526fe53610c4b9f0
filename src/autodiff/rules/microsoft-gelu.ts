import { microsoft, mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { erfGeluSlope } from './gelu-slope.ts';

/**
 * Gelu of ONNX Runtime: Y = X ∘ Φ(X)
 *
 *   dX = dY ∘ (Φ(X) + X ∘ φ(X))
 *
 * @see com.microsoft Gelu-1
 */
export const microsoftGeluGradient = gradientRule({
  opType: 'Gelu',
  domain: microsoft,
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({ X: () => mul(tape, dY, erfGeluSlope(tape, X)) }),
});
