/**
 * Derivatives of the gated activations x ∘ gate(x), by which dY is multiplied.
 */
import type { Tape, Value } from '../../ir/index.ts';
import { add, mul, scale, shift, sub, unary } from '../emit.ts';

/** The derivative of x · Φ(x): Φ(x) + x · φ(x). Φ is the distribution function of the normal distribution, φ its density. */
export function erfGeluSlope(tape: Tape, x: Value): Value {
  const z = scale(tape, x, Math.SQRT1_2);
  const gate = shift(tape, scale(tape, unary(tape, 'Erf', z), 0.5), 0.5);
  const density = unary(tape, 'Exp', unary(tape, 'Neg', mul(tape, z, z)));
  return add(tape, gate, scale(tape, mul(tape, z, density), 1 / Math.sqrt(Math.PI)));
}

/**
 * The derivative of y = x · ½(1 + tanh u), u = √(2/π)(x + 0.044715 x³). With s = σ(2u), y = x · s, and the derivative is
 *
 *   s + (y − y·s) · v,   v = d(2u)/dx = a + 3b·x²,   a = 2√(2/π),   b = 0.044715 a
 */
export function tanhGeluSlope(tape: Tape, x: Value): Value {
  const a = 2 * Math.sqrt(2 / Math.PI);
  const b = 0.044715 * a;
  const square = mul(tape, x, x);
  const s = unary(tape, 'Sigmoid', mul(tape, x, shift(tape, scale(tape, square, b), a)));
  const y = mul(tape, x, s);
  const v = shift(tape, scale(tape, square, 3 * b), a);
  return add(tape, s, mul(tape, sub(tape, y, mul(tape, y, s)), v));
}

/** The derivative of y = x · s, s = σ(αx):  s · (1 + α(x − y)), since x − y = x(1 − s) */
export function sigmoidGateSlope(tape: Tape, { x, y, alpha }: { x: Value; y: Value; alpha: number }): Value {
  const s = unary(tape, 'Sigmoid', scale(tape, x, alpha));
  return mul(tape, s, shift(tape, scale(tape, sub(tape, x, y), alpha), 1));
}
