import type { Node, Tape, Value } from '../../ir/index.ts';
import { add, microsoft } from '../emit.ts';
import { notDefined } from '../not-defined.ts';
import { attend } from './attention.ts';
import { causalMask } from './attention-mask.ts';
import { dimScalar } from './dimensions.ts';
import { joinHeads, requireInput, splitHeads, widthOf } from './heads.ts';
import type { Lowering } from './lowering.ts';
import { paddingMask } from './padding-mask.ts';

/**
 * Attention of ONNX Runtime: one product for query, key and value, then attention over heads. A query whose scores are all minus
 * infinity gets the result 0; ONNX Runtime's kernel returns NaN.
 * @see com.microsoft Attention-1; Vaswani et al. 2017
 */
export const microsoftAttentionLowering: Lowering = {
  opType: 'Attention',
  domain: microsoft,
  lower({ tape, node }) {
    const [, , , mask, past, scoreBias, pastLength] = node.inputs;
    if (pastLength) throw notDefined(node, 'Attention on a shared buffer of keys and values');
    if (node.intAttribute('do_rotary', 0) !== 0) throw notDefined(node, 'Attention with a rotary embedding');
    const heads = node.intAttribute('num_heads', 1);
    const { query, key, value, width } = project(tape, node, heads);
    const [pastKey, pastValue] = past ? [0, 1].map((index) => tape.op('Gather', [past, tape.int64(index)])) : [];
    const [k, v] = [after(tape, pastKey, key), after(tape, pastValue, value)];
    const offset = pastKey && dimScalar(tape, pastKey, 2);
    const hidden = node.floatAttribute('mask_filter_value', -10000);
    const isCausal = node.intAttribute('unidirectional', 0) !== 0;
    const shown = mask && paddingMask(tape, node, { mask, key: k, hidden });
    const biases = [
      ...(isCausal ? [causalMask(tape, { query, key: k, offset, shown })] : shown ? [shown] : []),
      ...(scoreBias ? [scoreBias] : []),
    ];
    const blankFrom = mask || scoreBias ? -Infinity : undefined;
    const scale = node.floatAttribute('scale', 0) || 1 / Math.sqrt(widthOf(query, node));
    const mixed = attend(tape, { query, key: k, value: v, heads, kvHeads: heads, scale, biases, blankFrom });
    const output = joinHeads(tape, mixed, width);
    return node.outputs[1] ? [output, stacked(tape, k, v)] : [output];
  },
};

interface Projected {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  readonly width: number;
}

/** x · W + bias, split into query, key and value, each [batch, heads, tokens, headDim]. */
function project(tape: Tape, node: Node, heads: number): Projected {
  const input = requireInput(node, 0, 'an input');
  const weights = requireInput(node, 1, 'weights');
  const bias = node.inputs[2];
  const third = widthOf(weights, node) / 3;
  const widths = node.intsAttribute('qkv_hidden_sizes', [third, third, third]);
  const product = tape.op('MatMul', [input, weights]);
  const all = bias ? add(tape, product, bias) : product;
  const parts = tape.ops('Split', [all, tape.int64s(widths)], { attributes: { axis: 2 }, outputs: 3 });
  const [query, key, value] = parts.map((part, index) => splitHeads(tape, part, heads, (widths[index] ?? 0) / heads));
  if (query === undefined || key === undefined || value === undefined) throw notDefined(node, 'Attention');
  return { query, key, value, width: widths[2] ?? third };
}

function after(tape: Tape, past: Value | undefined, present: Value): Value {
  return past ? tape.op('Concat', [past, present], { attributes: { axis: 2 } }) : present;
}

/** Stacks keys and values to one tensor [2, batch, heads, keys, headDim]. */
function stacked(tape: Tape, key: Value, value: Value): Value {
  const parts = [key, value].map((x) => tape.op('Unsqueeze', [x, tape.int64s([0])]));
  return tape.op('Concat', parts, { attributes: { axis: 0 } });
}
