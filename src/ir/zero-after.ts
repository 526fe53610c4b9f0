import { dataTypeNumber, type DataType } from '../tensor/index.ts';
import type { Tape } from './tape.ts';
import type { Value } from './value.ts';

/**
 * The number 0, which is there no sooner than `x`: the sum of none of its elements. [] in the type asked for.
 *
 * WHY: ONNX Runtime computes what depends on nothing but constants at the beginning of a run, or when it loads the model. What adds this
 * zero waits for its turn.
 *
 * @param x  any tensor but strings, of rank 1 up where its rank is known
 */
export function zeroAfter(tape: Tape, x: Value, dtype: DataType = x.dtype ?? 'float32'): Value {
  const none = tape.op('Slice', [x, tape.int64s([0]), tape.int64s([0]), tape.int64s([0])]);
  const typed =
    x.dtype === dtype ? none : tape.op('Cast', [none], { attributes: { to: dataTypeNumber(dtype) }, dtype });
  return tape.op('ReduceSum', [typed], { attributes: { keepdims: 0 } });
}
