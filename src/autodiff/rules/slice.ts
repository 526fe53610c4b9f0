import type { Dim, Node, Tape, Value } from '../../ir/index.ts';
import { sameAs } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { constantIntegers, positiveAxis, reshapeLike, shapeOf, shapeValue } from '../shapes.ts';

/**
 * Slice: a range along each axis
 *
 *   ddata = doutput padded with zeros; if the bounds are unknown or a step is not 1, doutput scattered into zeros
 *
 * @see ONNX Slice-13
 */
export const sliceGradient = gradientRule({
  opType: 'Slice',
  inputs: ['data', 'starts', 'ends', 'axes?', 'steps?'],
  outputs: ['output'],
  backward: ({ tape, node, inputs: { data }, gradients: { output: dY } }) => ({
    data() {
      const pads = staticPads(node, shapeOf(data, node));
      if (pads) return tape.op('Pad', [dY, tape.int64s(pads)], sameAs(data));
      return scatterBack(tape, { data, dY, rest: node.inputs.slice(1) });
    },
  }),
});

/** Number of zeros before and after each axis. undefined if the slice is not contiguous or its bounds are unknown. */
function staticPads(node: Node, shape: readonly Dim[]): number[] | undefined {
  const [starts, ends, axes, steps] = node.inputs.slice(1).map((input) => input && constantIntegers(input));
  if (!starts || !ends || (node.inputs[3] && !axes) || (node.inputs[4] && !steps)) return undefined;
  if (steps?.some((step) => step !== 1)) return undefined;
  const pads = shape.flatMap(() => [0, 0]);
  for (const [i, start] of starts.entries()) {
    const axis = positiveAxis(axes?.[i] ?? i, shape.length);
    const around = padsAround(start, ends[i] ?? 0, shape[axis]);
    if (around === undefined) return undefined;
    [pads[axis], pads[axis + shape.length]] = around;
  }
  return pads;
}

function padsAround(start: number, end: number, dim: Dim): [before: number, after: number] | undefined {
  if (typeof dim !== 'number') return start >= 0 && end >= 2 ** 31 - 1 ? [start, 0] : undefined;
  const clamp = (position: number): number => Math.min(Math.max(position < 0 ? position + dim : position, 0), dim);
  const [from, to] = [clamp(start), clamp(end)];
  return from <= to ? [from, dim - to] : undefined;
}

/** Applies the same slice to the positions of all elements, and scatters dY to the sliced positions. */
function scatterBack(tape: Tape, slice: { data: Value; dY: Value; rest: readonly (Value | undefined)[] }): Value {
  const { data, dY, rest } = slice;
  const size = tape.op('Size', [data]);
  const positions = tape.op('Range', [tape.int64(0), size, tape.int64(1)]);
  const sliced = tape.op('Slice', [tape.op('Reshape', [positions, shapeValue(tape, data)]), ...rest]);
  const flat = tape.int64s([-1]);
  const zeros = tape.op('Expand', [
    tape.scalar(0, dY.dtype ?? 'float32'),
    tape.op('Reshape', [size, tape.int64s([1])]),
  ]);
  const [indices, updates] = [tape.op('Reshape', [sliced, flat]), tape.op('Reshape', [dY, flat])];
  return reshapeLike(tape, tape.op('ScatterElements', [zeros, indices, updates]), data);
}
