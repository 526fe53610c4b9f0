/** Dimensions as values of the graph. A dimension that is a number becomes a constant. */
import type { Tape, Value } from '../../ir/index.ts';

/** i64 [1] */
export function dimValue(tape: Tape, x: Value, axis: number): Value {
  const dim = x.shape?.[axis];
  if (typeof dim === 'number') return tape.int64s([dim]);
  return tape.op('Shape', [x], { attributes: { start: axis, end: axis + 1 } });
}

/** i64 [] */
export function dimScalar(tape: Tape, x: Value, axis: number): Value {
  const dim = x.shape?.[axis];
  if (typeof dim === 'number') return tape.int64(dim);
  return tape.op('Squeeze', [dimValue(tape, x, axis), tape.int64s([0])]);
}
