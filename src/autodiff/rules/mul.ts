import { mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Mul: C = A ∘ B, with broadcasting
 *
 *   dA = dC ∘ B        dB = dC ∘ A
 *
 * @see ONNX Mul-14
 */
export const mulGradient = gradientRule({
  opType: 'Mul',
  inputs: ['A', 'B'],
  outputs: ['C'],
  backward: ({ tape, inputs: { A, B }, gradients: { C: dC } }) => ({
    A: () => mul(tape, dC, B),
    B: () => mul(tape, dC, A),
  }),
});
