import type { Node, Tape, Value } from '../../ir/index.ts';
import { sameAs } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { positiveAxis, rankOf, shapeValue, zerosLike } from '../shapes.ts';

/**
 * Gather: output = data[…, indices, …], the indices taking the place of one axis
 *
 *   ddata = zeros, to which doutput is added at the indices; an index that comes twice adds twice
 *
 * @see ONNX Gather-13
 */
export const gatherGradient = gradientRule({
  opType: 'Gather',
  inputs: ['data', 'indices'],
  outputs: ['output'],
  backward: ({ tape, node, inputs: { data, indices }, gradients: { output: dY } }) => ({
    data() {
      const axis = positiveAxis(node.intAttribute('axis', 0), rankOf(data, node));
      return axis === 0 ? addRows(tape, { data, indices, dY }) : addAlong(tape, { data, indices, dY, axis, node });
    },
  }),
});

interface Gathered {
  readonly data: Value;
  readonly indices: Value;
  readonly dY: Value;
}

function addRows(tape: Tape, { data, indices, dY }: Gathered): Value {
  const rows = tape.op('Unsqueeze', [indices, tape.int64s([-1])]);
  const attributes = { reduction: 'add' };
  return tape.op('ScatterND', [zerosLike(tape, data), int64(tape, rows), dY], { attributes, ...sameAs(data) });
}

/** Along an inner axis every element carries its own index. */
function addAlong(tape: Tape, { data, indices, dY, axis, node }: Gathered & { axis: number; node: Node }): Value {
  const rank = rankOf(data, node);
  const dimsOf = (start: number, end: number): Value[] =>
    start < end ? [tape.op('Shape', [data], { attributes: { start, end } })] : [];
  const target = [...dimsOf(0, axis), tape.int64s([-1]), ...dimsOf(axis + 1, rank)];
  const updates = tape.op('Reshape', [dY, tape.op('Concat', target, { attributes: { axis: 0 } })]);
  const column = [-1, ...Array.from({ length: rank - axis - 1 }, () => 1)];
  const positions = tape.op('Reshape', [indices, tape.int64s(column)]);
  const spread = tape.op('Expand', [positions, shapeValue(tape, updates)]);
  const attributes = { axis, reduction: 'add' };
  return tape.op('ScatterElements', [zerosLike(tape, data), spread, updates], { attributes, ...sameAs(data) });
}

function int64(tape: Tape, indices: Value): Value {
  return indices.dtype === 'int64' ? indices : tape.op('Cast', [indices], { attributes: { to: 7 } });
}
