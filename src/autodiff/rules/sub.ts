import { unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Sub: C = A − B, with broadcasting
 *
 *   dA = dC        dB = −dC
 *
 * @see ONNX Sub-14
 */
export const subGradient = gradientRule({
  opType: 'Sub',
  inputs: ['A', 'B'],
  outputs: ['C'],
  backward: ({ tape, gradients: { C: dC } }) => ({ A: () => dC, B: () => unary(tape, 'Neg', dC) }),
});
