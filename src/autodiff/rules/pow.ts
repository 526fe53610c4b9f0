import type { Tape, Value } from '../../ir/index.ts';
import { keepWhere, mul, scalar, scale, shift, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { constantNumbers } from '../shapes.ts';

/**
 * Pow: Z = Xᴱ, with broadcasting
 *
 *   dX = dZ ∘ E ∘ Xᴱ⁻¹        dE = dZ ∘ Z ∘ ln X, 0 where X ≤ 0
 *
 * A constant exponent of one element is replaced by multiplications where possible.
 * @see ONNX Pow-15
 */
export const powGradient = gradientRule({
  opType: 'Pow',
  inputs: ['X', 'E'],
  outputs: ['Z'],
  backward({ tape, inputs: { X, E }, outputs: { Z }, gradients: { Z: dZ } }) {
    return {
      X: () => mul(tape, dZ, slope(tape, X, E)),
      E() {
        const positive = tape.op('Greater', [X, scalar(tape, 0, X)]);
        // WHY a Where inside: ln of the other elements is NaN, and NaN · 0 is NaN.
        const safe = tape.op('Where', [positive, X, scalar(tape, 1, X)]);
        return mul(tape, keepWhere(tape, positive, mul(tape, dZ, Z)), unary(tape, 'Log', safe));
      },
    };
  },
});

/** E ∘ Xᴱ⁻¹ */
function slope(tape: Tape, X: Value, E: Value): Value {
  const numbers = constantNumbers(E);
  const exponent = numbers?.length === 1 ? numbers[0] : undefined;
  if (exponent === 2) return scale(tape, X, 2);
  if (exponent === 3) return scale(tape, mul(tape, X, X), 3);
  if (exponent !== undefined) return scale(tape, tape.op('Pow', [X, scalar(tape, exponent - 1, X)]), exponent);
  return mul(tape, E, tape.op('Pow', [X, shift(tape, E, -1)]));
}
