import { div, mul, sub, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Mod: C = A − q ∘ B, with broadcasting; q is the integer part of A / B
 *
 *   dA = dC        dB = −dC ∘ q,   q = (A − C) / B rounded
 *
 * @see ONNX Mod-13
 */
export const modGradient = gradientRule({
  opType: 'Mod',
  inputs: ['A', 'B'],
  outputs: ['C'],
  backward: ({ tape, inputs: { A, B }, outputs: { C }, gradients: { C: dC } }) => ({
    A: () => dC,
    B: () => unary(tape, 'Neg', mul(tape, dC, unary(tape, 'Round', div(tape, sub(tape, A, C), B)))),
  }),
});
