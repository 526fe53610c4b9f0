import { dataTypeNumber, type DataType } from '../tensor/index.ts';
import { stopGradientKey } from './stop-gradient.ts';
import type { Tape } from './tape.ts';
import type { Value } from './graph.ts';

/**
 * Returns the number 0 as a value that depends on `x`: the sum over no elements of x. Its shape is [], and its type is the given one.
 *
 * WHY: ONNX Runtime computes everything that depends on constants only at the beginning of a run, or when it loads the model. A node that
 * adds this zero is computed after `x`. See `findings/ort-dequantize-first.sh`.
 *
 * @param x  a tensor of any type except string. If its rank is known, the rank must be at least 1.
 */
export function zeroAfter(tape: Tape, x: Value, dtype: DataType = x.dtype ?? 'float32'): Value {
  const inputs = [x, tape.int64s([0]), tape.int64s([0]), tape.int64s([0])];
  const none = tape.op('Slice', inputs, { metadata: { [stopGradientKey]: 'there are no elements' } });
  const typed =
    x.dtype === dtype ? none : tape.op('Cast', [none], { attributes: { to: dataTypeNumber(dtype) }, dtype });
  return tape.op('ReduceSum', [typed], { attributes: { keepdims: 0 } });
}
