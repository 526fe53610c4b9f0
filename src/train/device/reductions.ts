import { type Tape, type Value } from '../../ir/index.ts';

/**
 * The sum or the largest of a flat value f32 [length], in three stages over about ∛length elements each; f32 [].
 *
 * WHY stages: a reduction of everything at once would be one thread of a device, and its sums in f32 would lose digits with each element.
 */
export function reduced(tape: Tape, opType: 'ReduceSum' | 'ReduceMax', flat: Value, length: number): Value {
  const side = Math.max(1, Math.ceil(Math.cbrt(length)));
  const blocks = Math.ceil(length / side ** 2);
  const missing = blocks * side ** 2 - length;
  const whole = missing === 0 ? flat : tape.op('Pad', [flat, tape.int64s([0, missing]), tape.scalar(0)]);
  let value = tape.op('Reshape', [whole, tape.int64s([blocks, side, side])]);
  for (const axis of [2, 1, 0]) value = tape.op(opType, [value, tape.int64s([axis])], { attributes: { keepdims: 0 } });
  return value;
}

/** Σ x² of a flat value, f32 []. It is not finite if an element is not, or if it is beyond f32. */
export function squareSum(tape: Tape, flat: Value, length: number): Value {
  return reduced(tape, 'ReduceSum', tape.op('Mul', [flat, flat]), length);
}
