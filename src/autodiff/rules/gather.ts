import { distinctRowsKey, type Node, type Tape, type Value } from '../../ir/index.ts';
import { sameAs } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { positiveAxis, rankOf, shapeValue, zerosLike } from '../shapes.ts';

/**
 * Gather: output = data[…, indices, …] along one axis
 *
 *   ddata = zeros, to which doutput is added at the indices; a repeated index adds repeatedly
 *
 * If the graph declares the rows distinct (`distinctRowsKey`), they are copied instead of added.
 *
 * WHY ScatterElements otherwise, which needs an index for every element: ONNX Runtime's ScatterND adds on several threads at once, and
 * loses additions for repeated indices (observed in 1.30).
 * @see ONNX Gather-13
 */
export const gatherGradient = gradientRule({
  opType: 'Gather',
  inputs: ['data', 'indices'],
  outputs: ['output'],
  backward: ({ tape, node, inputs: { data, indices }, gradients: { output: dY } }) => ({
    data() {
      const axis = positiveAxis(node.intAttribute('axis', 0), rankOf(data, node));
      if (axis === 0 && rankOf(indices, node) === 1 && node.metadata.has(distinctRowsKey)) {
        const places = tape.op('Unsqueeze', [indices, tape.int64s([1])]);
        return tape.op('ScatterND', [zerosLike(tape, data), places, dY], sameAs(data));
      }
      const updates = withOneIndexAxis(tape, { data, indices, dY, axis, node });
      const column = [-1, ...Array.from({ length: rankOf(data, node) - axis - 1 }, () => 1)];
      const positions = tape.op('Reshape', [indices, tape.int64s(column)]);
      const spread = tape.op('Expand', [positions, shapeValue(tape, updates)]);
      const attributes = { axis, reduction: 'add' };
      return tape.op('ScatterElements', [zerosLike(tape, data), spread, updates], { attributes, ...sameAs(data) });
    },
  }),
});

interface Gathered {
  readonly data: Value;
  readonly indices: Value;
  readonly dY: Value;
  readonly axis: number;
  readonly node: Node;
}

/** dY with all axes of the indices flattened to one axis, in the place of the gathered axis. */
function withOneIndexAxis(tape: Tape, { data, indices, dY, axis, node }: Gathered): Value {
  if (rankOf(indices, node) === 1) return dY;
  const dimsOf = (start: number, end: number): Value[] =>
    start < end ? [tape.op('Shape', [data], { attributes: { start, end } })] : [];
  const target = [...dimsOf(0, axis), tape.int64s([-1]), ...dimsOf(axis + 1, rankOf(data, node))];
  return tape.op('Reshape', [dY, tape.op('Concat', target, { attributes: { axis: 0 } })]);
}
