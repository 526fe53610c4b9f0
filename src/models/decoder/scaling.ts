import type { Tape, Value } from '../../ir/index.ts';

/** Computes x·factor. When the factor is 1, it returns x and adds no node. */
export function scaled(tape: Tape, x: Value, factor: number): Value {
  return factor === 1 ? x : tape.op('Mul', [x, tape.scalar(factor)]);
}

/** Computes cap·tanh(x). The caller has already divided x by the cap. */
export function softcapped(tape: Tape, x: Value, cap: number): Value {
  return scaled(tape, tape.op('Tanh', [x]), cap);
}
