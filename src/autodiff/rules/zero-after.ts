import type { Tape, Value } from '../../ir/index.ts';

/**
 * The number 0, which is there no sooner than `x`: the sum of none of its elements. [] in the type of x
 *
 * WHY: ONNX Runtime computes what depends on nothing but constants at the beginning of a run. All weights would be dequantized at
 * once and lie there as floats; what adds this zero waits for its turn.
 */
export function zeroAfter(tape: Tape, x: Value): Value {
  const none = tape.op('Slice', [x, tape.int64s([0]), tape.int64s([0]), tape.int64s([0])]);
  return tape.op('ReduceSum', [none], { attributes: { keepdims: 0 } });
}
