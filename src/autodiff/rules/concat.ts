import type { Node, Tape, Value } from '../../ir/index.ts';
import { gradientRule } from '../gradient-rule.ts';
import { positiveAxis, rankOf } from '../shapes.ts';

/**
 * Concat: concatenation of the inputs along an axis
 *
 *   dinputs = dresult, split at the same positions
 *
 * @see ONNX Concat-13
 */
export const concatGradient = gradientRule({
  opType: 'Concat',
  outputs: ['result'],
  backward({ tape, node, gradients: { result: dY } }) {
    const axis = positiveAxis(node.intAttribute('axis', 0), rankOf(dY, node));
    let parts: readonly Value[] | undefined;
    const split = (): readonly Value[] => (parts ??= splitLikeInputs(tape, dY, node, axis));
    return node.inputs.map((_, index) => () => split()[index] ?? dY);
  },
});

function splitLikeInputs(tape: Tape, dY: Value, node: Node, axis: number): readonly Value[] {
  const inputs = node.inputs.flatMap((input) => input ?? []);
  if (inputs.length === 1) return [dY];
  const lengths = inputs.map((input) => input.shape?.[axis]);
  const known = lengths.every((length) => typeof length === 'number') ? lengths : undefined;
  const parts = tape.ops('Split', [dY, known ? tape.int64s(known) : lengthsOf(tape, inputs, axis)], {
    attributes: { axis },
    outputs: inputs.length,
  });
  for (const [index, part] of parts.entries()) part.shape = inputs[index]?.shape;
  return parts;
}

function lengthsOf(tape: Tape, inputs: readonly Value[], axis: number): Value {
  const lengths = inputs.map((input) => tape.op('Shape', [input], { attributes: { start: axis, end: axis + 1 } }));
  return tape.op('Concat', lengths, { attributes: { axis: 0 } });
}
