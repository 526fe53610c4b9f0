import type { Node, Tape, Value } from '../../ir/index.ts';
import { add, microsoft } from '../emit.ts';
import { notDefined } from '../not-defined.ts';
import { rankOf } from '../shapes.ts';
import { attend } from './attention.ts';
import { causalMask } from './attention-mask.ts';
import { dimScalar } from './dimensions.ts';
import { joinHeads, requireInput, splitHeads, widthOf } from './heads.ts';
import type { Lowering } from './lowering.ts';
import { paddingMask } from './padding-mask.ts';

/**
 * MultiHeadAttention: query, key and value have biases of their own, past keys and values come before the new ones, and masks and
 * biases are added to the scores. A query whose scores are all minus infinity gets the result 0; ONNX Runtime's kernel returns NaN.
 * @see com.microsoft MultiHeadAttention-1; Vaswani et al. 2017
 */
export const multiHeadAttentionLowering: Lowering = {
  opType: 'MultiHeadAttention',
  domain: microsoft,
  lower({ tape, node }) {
    const [, , , , padding, scoreBias, pastKey, pastValue, pastLength, indirection] = node.inputs;
    if (pastLength ?? indirection) throw notDefined(node, 'MultiHeadAttention on a shared buffer of keys and values');
    if (node.outputs[3]?.isUsed) throw notDefined(node, 'MultiHeadAttention with its scores as an output');
    const heads = node.intAttribute('num_heads', 1);
    const { query, key, value, width } = separate(tape, node, heads);
    const [k, v] = [after(tape, pastKey, key), after(tape, pastValue, value)];
    const headDim = widthOf(query, node);
    const hidden = node.floatAttribute('mask_filter_value', -10000);
    const offset = pastKey && dimScalar(tape, pastKey, 2);
    const isCausal = node.intAttribute('unidirectional', 0) !== 0;
    const shown = padding && paddingMask(tape, node, { mask: padding, key: k, hidden });
    const biases = [
      ...(isCausal ? [causalMask(tape, { query, key: k, offset, shown })] : shown ? [shown] : []),
      ...(scoreBias ? [scoreBias] : []),
    ];
    const blankFrom = padding || scoreBias ? -Infinity : undefined;
    const scale = node.floatAttribute('scale', 0) || 1 / Math.sqrt(headDim);
    const mixed = attend(tape, { query, key: k, value: v, heads, kvHeads: heads, scale, biases, blankFrom });
    return [joinHeads(tape, mixed, width), k, v];
  },
};

interface Separate {
  /** [batch, heads, tokens, headDim] each */
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  /** Number of features of the values, over all heads. */
  readonly width: number;
}

function separate(tape: Tape, node: Node, heads: number): Separate {
  const [given, key, value, bias] = node.inputs;
  const query = given ?? requireInput(node, 0, 'a query');
  if (rankOf(query, node) !== 3 || key === undefined || value === undefined) {
    throw notDefined(node, 'MultiHeadAttention with query, key or value side by side in one input');
  }
  const headDim = widthOf(query, node) / heads;
  const valueDim = rankOf(value, node) === 4 ? widthOf(value, node) : widthOf(value, node) / heads;
  const widths = [headDim, headDim, valueDim].map((dim) => dim * heads);
  const [q, k, v] = [query, key, value].map((x, index) => {
    if (rankOf(x, node) === 4) return x;
    const start = widths.slice(0, index).reduce((sum, dim) => sum + dim, 0);
    const part = bias && partOf(tape, bias, start, start + (widths[index] ?? 0));
    return splitHeads(tape, part ? add(tape, x, part) : x, heads, (widths[index] ?? 0) / heads);
  });
  return { query: q ?? query, key: k ?? key, value: v ?? value, width: valueDim * heads };
}

function partOf(tape: Tape, bias: Value, start: number, end: number): Value {
  return tape.op('Slice', [bias, tape.int64s([start]), tape.int64s([end]), tape.int64s([0])]);
}

function after(tape: Tape, past: Value | undefined, present: Value): Value {
  if (past === undefined || past.shape?.[2] === 0) return present;
  return tape.op('Concat', [past, present], { attributes: { axis: 2 } });
}
