import type { Node, Tape, Value } from '../../ir/index.ts';
import { notDefined } from '../not-defined.ts';
import { rankOf } from '../shapes.ts';
import { attend } from './attention.ts';
import { causalMask, lowest, maskWhere } from './attention-mask.ts';
import { dimScalar } from './dimensions.ts';
import { joinHeads, requireInput, splitHeads, widthOf } from './heads.ts';
import type { Lowering } from './lowering.ts';
import { realUpTo } from './padding-mask.ts';

/**
 * Attention: softmax(softcap(scale · Q · Kᵀ) + mask) · V over heads, with past keys and values before the new ones. A query whose keys
 * are all masked gets the result 0, as in ONNX Runtime's kernel.
 * @see ONNX Attention-24; Vaswani et al. 2017
 */
export const onnxAttentionLowering: Lowering = {
  opType: 'Attention',
  lower({ tape, node }) {
    if (node.outputs[3]?.isUsed) throw notDefined(node, 'Attention with its scores as an output');
    const [pastKey, pastValue] = [node.inputs[4], node.inputs[5]];
    const query = withHeads(tape, node, 0);
    const key = withHeads(tape, node, 1);
    const value = withHeads(tape, node, 2);
    const [k, v] = [after(tape, pastKey, key.x), after(tape, pastValue, value.x)];
    const mixed = attend(tape, {
      query: query.x,
      key: k,
      value: v,
      heads: query.heads,
      kvHeads: key.heads,
      scale: node.floatAttribute('scale') ?? 1 / Math.sqrt(widthOf(query.x, node)),
      softcap: node.floatAttribute('softcap', 0),
      biases: biasesOf(tape, node, { query: query.x, key: k, pastKey }),
      blankFrom: node.inputs[3] || node.inputs[6] ? lowest(query.x) : undefined,
    });
    const isJoined = rankOf(requireInput(node, 0, 'Q'), node) === 3;
    return [isJoined ? joinHeads(tape, mixed, query.heads * widthOf(value.x, node)) : mixed, k, v];
  },
};

/** An input as [batch, heads, tokens, headDim]. The input itself may have rank 3 or 4. */
function withHeads(tape: Tape, node: Node, index: number): { readonly x: Value; readonly heads: number } {
  const x = requireInput(node, index, ['Q', 'K', 'V'][index] ?? '');
  if (rankOf(x, node) === 3) {
    const heads = node.intAttribute(index === 0 ? 'q_num_heads' : 'kv_num_heads', 0);
    return { x: splitHeads(tape, x, heads, widthOf(x, node) / heads), heads };
  }
  const heads = x.shape?.[1];
  if (typeof heads !== 'number') throw notDefined(node, 'Attention with an unknown number of heads');
  return { x, heads };
}

function after(tape: Tape, past: Value | undefined, present: Value): Value {
  return past ? tape.op('Concat', [past, present], { attributes: { axis: 2 } }) : present;
}

interface Shapes {
  readonly query: Value;
  readonly key: Value;
  readonly pastKey: Value | undefined;
}

function biasesOf(tape: Tape, node: Node, { query, key, pastKey }: Shapes): Value[] {
  const [mask, lengths] = [node.inputs[3], node.inputs[6]];
  const isCausal = node.intAttribute('is_causal', 0) !== 0;
  const offset = pastKey && dimScalar(tape, pastKey, 2);
  return [
    ...(mask ? [mask.dtype === 'bool' ? maskWhere(tape, mask, { like: query }) : mask] : []),
    ...(isCausal ? [causalMask(tape, { query, key, offset })] : []),
    ...(lengths ? [maskWhere(tape, realUpTo(tape, lengths, key), { like: query })] : []),
  ];
}
