import type { Node, Tape, Value } from '../../ir/index.ts';
import { scalar } from '../emit.ts';
import { notDefined } from '../not-defined.ts';
import { sameDim, shapeOf } from '../shapes.ts';
import { range } from './attention-mask.ts';
import { dimScalar } from './dimensions.ts';

export interface PaddingMask {
  /** Integers: the number of real keys of each row, [batch]; or a mask, not 0 for real keys, [batch, keys] or [batch, tokens, keys]. */
  readonly mask: Value;
  /** [batch, heads, keys, headDim] */
  readonly key: Value;
  /** The number that is added to the score of a masked key. */
  readonly hidden: number;
}

/**
 * The numbers to add to attention scores, broadcast to [batch, heads, tokens, keys].
 * @throws EspalierError GRADIENT_NOT_DEFINED for a mask of another shape
 */
export function paddingMask(tape: Tape, node: Node, { mask, key, hidden }: PaddingMask): Value {
  const isReal = realKeys(tape, node, { mask, key });
  return tape.op('Where', [isReal, scalar(tape, 0, key), scalar(tape, hidden, key)]);
}

function realKeys(tape: Tape, node: Node, { mask, key }: Pick<PaddingMask, 'mask' | 'key'>): Value {
  const shape = shapeOf(mask, node);
  if (shape.length === 1) {
    // WHY: ONNX Runtime also accepts offsets of packed rows, with shapes [2 · batch] and [3 · batch + 2].
    if (!sameDim(shape[0], key.shape?.[0])) throw notDefined(node, `${node.opType} with a mask of offsets`);
    return realUpTo(tape, mask, key);
  }
  const axes = { 2: [1, 2], 3: [1] }[shape.length];
  if (axes === undefined) throw notDefined(node, `${node.opType} with a mask of rank ${shape.length}`);
  const isReal = tape.op('Greater', [mask, scalar(tape, 0, mask)]);
  return tape.op('Unsqueeze', [isReal, tape.int64s(axes)]);
}

/** Whether a key is among the first `counts` [batch] keys of its row: bool [batch, 1, 1, keys] */
export function realUpTo(tape: Tape, counts: Value, key: Value): Value {
  const places = range(tape, dimScalar(tape, key, 2));
  const lengths = tape.op('Cast', [tape.op('Unsqueeze', [counts, tape.int64s([1, 2, 3])])], { attributes: { to: 7 } });
  return tape.op('Less', [places, lengths]);
}
