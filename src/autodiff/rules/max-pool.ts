import type { Tape, Value } from '../../ir/index.ts';
import { gradientRule } from '../gradient-rule.ts';
import { reshapeLike } from '../shapes.ts';
import { savedOutput } from '../saved-output.ts';

/**
 * MaxPool: the largest element of each window
 *
 *   dX = zeros, to which dY is added at the index of each largest element; of elements that tie, the first gets all of it
 *
 * The indices are the second output, which the rule adds to the forward node if it is missing.
 * @see ONNX MaxPool-22
 */
export const maxPoolGradient = gradientRule({
  opType: 'MaxPool',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X }, gradients: { Y: dY } }) => ({
    X() {
      const places = savedOutput(tape, node, { index: 1, name: 'indices', dtype: 'int64', shape: dY.shape });
      // WHY: only row-major indices are positions in the flattened tensor.
      node.deleteAttribute('storage_order');
      const flat = (x: Value): Value => tape.op('Reshape', [x, tape.int64s([-1])]);
      const attributes = { axis: 0, reduction: 'add' };
      const added = tape.op('ScatterElements', [flatZeros(tape, X), flat(places), flat(dY)], { attributes });
      return reshapeLike(tape, added, X);
    },
  }),
});

/** A vector of zeros with as many elements as X. */
function flatZeros(tape: Tape, X: Value): Value {
  const size = tape.op('Reshape', [tape.op('Size', [X]), tape.int64s([1])]);
  return tape.op('Expand', [tape.scalar(0, X.dtype ?? 'float32'), size]);
}
