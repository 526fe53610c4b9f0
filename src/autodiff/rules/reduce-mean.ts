import type { Node, Tape, Value } from '../../ir/index.ts';
import { cast, div, scale } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { expandLike, shapeOf } from '../shapes.ts';
import { keptLike, reducedAxes } from './reduction.ts';

/**
 * ReduceMean: Y = Σ X / n over the axes, where n is the product of their dimensions
 *
 *   dX = dY / n, broadcast over the axes
 *
 * @see ONNX ReduceMean-18
 */
export const reduceMeanGradient = gradientRule({
  opType: 'ReduceMean',
  inputs: ['X', 'axes?'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { X, axes }, gradients: { Y: dY } }) {
    return {
      X() {
        const over = reducedAxes(node, X, axes);
        // WHY before the broadcast: there are fewer means than elements to divide.
        return expandLike(tape, keptLike(tape, divideByCount(tape, dY, { node, X, over }), node, over), X);
      },
    };
  },
});

interface Reduced {
  readonly node: Node;
  readonly X: Value;
  readonly over: readonly number[];
}

function divideByCount(tape: Tape, dY: Value, { node, X, over }: Reduced): Value {
  const shape = shapeOf(X, node);
  const dims = over.flatMap((axis) => shape[axis] ?? []);
  if (dims.length === over.length && dims.every((dim) => typeof dim === 'number')) {
    return scale(tape, dY, 1 / dims.reduce((product, dim) => product * dim, 1));
  }
  const lengths = tape.op('Gather', [tape.op('Shape', [X]), tape.int64s(over)]);
  const count = tape.op('ReduceProd', [lengths], { attributes: { keepdims: 0 } });
  return div(tape, dY, cast(tape, count, dY.dtype ?? 'float32'));
}
