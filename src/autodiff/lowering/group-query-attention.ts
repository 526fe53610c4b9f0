import type { Node, Tape, Value } from '../../ir/index.ts';
import { microsoft, sameAs } from '../emit.ts';
import { notDefined } from '../not-defined.ts';
import { attend } from './attention.ts';
import { causalMask, lowest } from './attention-mask.ts';
import { dimScalar, dimValue } from './dimensions.ts';
import { joinHeads, requireInput, splitHeads, widthOf } from './heads.ts';
import type { Lowering } from './lowering.ts';

/** Indices of the operator's inputs. */
const input = {
  query: 0,
  key: 1,
  value: 2,
  pastKey: 3,
  pastValue: 4,
  cos: 7,
  sin: 8,
  positions: 9,
  bias: 10,
  sink: 11,
  keyScale: 12,
  valueScale: 13,
  queryNorm: 14,
  keyNorm: 15,
} as const;

/**
 * GroupQueryAttention: rotary embedding of queries and keys, past keys and values before the new ones, causal attention.
 *
 * The lengths of the rows (`seqlens_k`) are not used. Rows are padded on the right, so no real token attends to padding. A past contains
 * real tokens only, equally many in every row (usually none).
 * @see com.microsoft GroupQueryAttention-1; Ainslie et al. 2023
 */
export const groupQueryAttentionLowering: Lowering = {
  opType: 'GroupQueryAttention',
  domain: microsoft,
  lower({ tape, node }) {
    assertCovered(node);
    const heads = node.intAttribute('num_heads', 1);
    const kvHeads = node.intAttribute('kv_num_heads', 1);
    const { query, key, value, headDim } = separate(tape, node, { heads, kvHeads });
    const pastKey = pastOf(node, input.pastKey);
    const pastValue = pastOf(node, input.pastValue);
    const turn = rotation(tape, node, pastKey);
    const q = splitHeads(tape, turn(query, heads, headDim), heads, headDim);
    const k = after(tape, pastKey, splitHeads(tape, turn(key, kvHeads, headDim), kvHeads, headDim));
    const v = after(tape, pastValue, splitHeads(tape, value, kvHeads, headDim));
    const mixed = attend(tape, {
      query: q,
      key: k,
      value: v,
      heads,
      kvHeads,
      scale: node.floatAttribute('scale', 0) || 1 / Math.sqrt(headDim),
      softcap: node.floatAttribute('softcap', 0),
      biases: biasesOf(tape, node, { query: q, key: k, pastKey }),
      blankFrom: blankFrom(node, q),
      sink: sinkOf(tape, node, { heads, like: q }),
    });
    return [joinHeads(tape, mixed, heads * headDim), k, v];
  },
};

function assertCovered(node: Node): void {
  const refuse = (what: string): never => {
    throw notDefined(node, `GroupQueryAttention with ${what}`);
  };
  if (node.inputs[input.keyScale] ?? node.inputs[input.valueScale]) refuse('quantized keys and values');
  if (node.inputs[input.queryNorm] ?? node.inputs[input.keyNorm]) refuse('norms of queries and keys');
  if (node.outputs[3]?.isUsed) refuse('its scores as an output');
  if (node.intAttribute('sliding_window_cache', 0) !== 0) refuse('a sliding window of keys and values');
}

interface Separate {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  readonly headDim: number;
}

/** Query, key and value, each [batch, tokens, heads · headDim]. They are split if one input contains all three. */
function separate(tape: Tape, node: Node, { heads, kvHeads }: { heads: number; kvHeads: number }): Separate {
  const query = requireInput(node, input.query, 'a query');
  const [key, value] = [node.inputs[input.key], node.inputs[input.value]];
  if (key && value) return { query, key, value, headDim: widthOf(query, node) / heads };
  const headDim = widthOf(query, node) / (heads + 2 * kvHeads);
  const widths = tape.int64s([heads * headDim, kvHeads * headDim, kvHeads * headDim]);
  const parts = tape.ops('Split', [query, widths], { attributes: { axis: -1 }, outputs: 3 });
  const [q, k, v] = parts;
  if (q === undefined || k === undefined || v === undefined) throw notDefined(node, 'GroupQueryAttention');
  return { query: q, key: k, value: v, headDim };
}

/** The past keys or values; undefined if there are certainly none. */
function pastOf(node: Node, index: number): Value | undefined {
  const past = node.inputs[index];
  return past?.shape?.[2] === 0 ? undefined : past;
}

function after(tape: Tape, past: Value | undefined, present: Value): Value {
  return past ? tape.op('Concat', [past, present], { attributes: { axis: 2 } }) : present;
}

type Turn = (x: Value, heads: number, headDim: number) => Value;

/** The rotary embedding that the attributes request, applied to [batch, tokens, heads · headDim]. */
function rotation(tape: Tape, node: Node, past: Value | undefined): Turn {
  if (node.intAttribute('do_rotary', 0) === 0) return (x) => x;
  const cos = requireInput(node, input.cos, 'cos_cache');
  const sin = requireInput(node, input.sin, 'sin_cache');
  const positions = node.inputs[input.positions] ?? (past ? dimValue(tape, past, 2) : tape.int64s([0]));
  const turned = 2 * widthOf(cos, node);
  return (x, heads, headDim) =>
    tape.op('RotaryEmbedding', [x, positions, cos, sin], {
      domain: microsoft,
      attributes: {
        num_heads: heads,
        rotary_embedding_dim: turned === headDim ? 0 : turned,
        interleaved: node.intAttribute('rotary_interleaved', 0),
      },
      ...sameAs(x),
    });
}

interface Shapes {
  readonly query: Value;
  readonly key: Value;
  readonly pastKey: Value | undefined;
}

function biasesOf(tape: Tape, node: Node, { query, key, pastKey }: Shapes): Value[] {
  const bias = node.inputs[input.bias];
  const given = bias ? [bias] : [];
  if (node.intAttribute('causal', 1) === 0) return given;
  const window = node.intAttribute('local_window_size', -1);
  const offset = pastKey && dimScalar(tape, pastKey, 2);
  return [causalMask(tape, { query, key, offset, window: window > 0 ? window : undefined }), ...given];
}

/**
 * The bias up to which all keys of a query count as masked. WHY two numbers: ONNX Runtime's kernel without softcap returns 0 for a row
 * of lowest numbers. Its kernel with softcap returns the mean of the values for such a row, and NaN for a row of minus infinity; here
 * the latter gives 0.
 */
function blankFrom(node: Node, query: Value): number | undefined {
  if (node.inputs[input.bias] === undefined) return undefined;
  return node.floatAttribute('softcap', 0) === 0 ? lowest(query) : -Infinity;
}

/** The sink of the operator's input, or a sink of score 0 if `smooth_softmax` is set. */
function sinkOf(tape: Tape, node: Node, { heads, like }: { heads: number; like: Value }): Value | undefined {
  const given = node.inputs[input.sink];
  if (given || node.intAttribute('smooth_softmax', 0) === 0) return given;
  return tape.op('Expand', [tape.scalar(0, like.dtype ?? 'float32'), tape.int64s([heads])]);
}
