import { div, mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Div: C = A / B, with broadcasting
 *
 *   dA = dC / B        dB = −dC ∘ C / B
 *
 * @see ONNX Div-14
 */
export const divGradient = gradientRule({
  opType: 'Div',
  inputs: ['A', 'B'],
  outputs: ['C'],
  backward: ({ tape, inputs: { B }, outputs: { C }, gradients: { C: dC } }) => ({
    A: () => div(tape, dC, B),
    B: () => unary(tape, 'Neg', div(tape, mul(tape, dC, C), B)),
  }),
});
