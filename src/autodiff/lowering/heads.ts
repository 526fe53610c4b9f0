/** Conversion between [batch, tokens, heads · headDim] and [batch, heads, tokens, headDim]. */
import type { Node, Tape, Value } from '../../ir/index.ts';
import { shapeOf } from '../shapes.ts';
import { notDefined } from '../not-defined.ts';

export function splitHeads(tape: Tape, x: Value, heads: number, headDim: number): Value {
  const apart = tape.op('Reshape', [x, tape.int64s([0, 0, heads, headDim])]);
  return tape.op('Transpose', [apart], { attributes: { perm: [0, 2, 1, 3] } });
}

export function joinHeads(tape: Tape, x: Value, width: number): Value {
  const turned = tape.op('Transpose', [x], { attributes: { perm: [0, 2, 1, 3] } });
  return tape.op('Reshape', [turned, tape.int64s([0, 0, width])]);
}

/** @throws EspalierError GRADIENT_NOT_DEFINED if the last dimension is not a number */
export function widthOf(x: Value, node: Node): number {
  const width = shapeOf(x, node).at(-1);
  if (typeof width !== 'number') throw notDefined(node, `${node.qualifiedType} of unknown width`);
  return width;
}

/** @throws EspalierError GRADIENT_NOT_DEFINED if the node does not have the input */
export function requireInput(node: Node, index: number, name: string): Value {
  const value = node.inputs[index];
  if (value === undefined) throw notDefined(node, `${node.qualifiedType} without ${name}`);
  return value;
}
