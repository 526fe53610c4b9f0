import type { Tape, Value } from '../../ir/index.ts';

/** x·factor; x itself where the factor is 1. */
export function scaled(tape: Tape, x: Value, factor: number): Value {
  return factor === 1 ? x : tape.op('Mul', [x, tape.scalar(factor)]);
}

/** cap·tanh(x), where x was divided by the cap before. */
export function softcapped(tape: Tape, x: Value, cap: number): Value {
  return scaled(tape, tape.op('Tanh', [x]), cap);
}
