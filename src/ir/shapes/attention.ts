import { divideDims, multiplyDims, type Dim, type Shape } from '../dim.ts';
import type { InferRule, InferRules, OpView, TypeInfo } from './infer-rule.ts';

/** Rotary embedding rotates pairs of elements of each head; the type and shape stay. */
const rotary: InferRule = (op) => ({ dtype: op.dtype(0), shape: op.shape(0) });

/**
 * Y [batch, seq, heads*headDim]. The query has the same shape, or the first input contains query, key and value side by side.
 * The length of the present keys and values depends on the caller's bindings and is left unknown.
 */
const groupQueryAttention: InferRule = (op) => {
  const query = op.shape(0);
  const past = op.shape(3);
  const present: TypeInfo = {
    dtype: op.dtype(3) ?? op.dtype(0),
    shape: past?.map((dim, i) => (i === 2 ? undefined : dim)),
  };
  return [{ dtype: op.dtype(0), shape: query && attended(op, query) }, present, present];
};

function attended(op: OpView, query: Shape): Shape {
  if (op.has(1)) return query;
  const heads = op.node.intAttribute('num_heads', 0);
  const packed = heads + 2 * op.node.intAttribute('kv_num_heads', 0);
  const width: Dim = multiplyDims(divideDims(query.at(-1), packed), heads);
  return [...query.slice(0, -1), width];
}

/** Y [batch, seq, width of the values], then present keys and values by heads. For packed inputs nothing is inferred. */
const multiHeadAttention: InferRule = (op) => {
  const [query, key, value] = [op.shape(0), op.shape(1), op.shape(2)];
  const dtype = op.dtype(0);
  if (query?.length !== 3 || value === undefined) return [{ dtype }, { dtype }, { dtype }];
  const heads = op.node.intAttribute('num_heads', 1);
  const headDim = (x: Shape | undefined): Dim => (x?.length === 4 ? x[3] : divideDims(x?.[2], heads));
  const present = (x: Shape | undefined): TypeInfo => ({ dtype, shape: [query[0], heads, undefined, headDim(x)] });
  return [{ dtype, shape: [query[0], query[1], multiplyDims(headDim(value), heads)] }, present(key), present(value)];
};

/** Query, key and value are computed by one product. Y [batch, seq, width of the values]. */
const packedAttention: InferRule = (op) => {
  const [input, weights] = [op.shape(0), op.shape(1)];
  const widths = op.node.intsAttribute('qkv_hidden_sizes');
  const width = widths?.[2] ?? divideDims(weights?.[1], 3);
  return { dtype: op.dtype(0), shape: input?.length === 3 ? [input[0], input[1], width] : undefined };
};

/** Y has the shape of the query with the width of the values. Heads are on axis 1, or side by side on the last axis. */
const attention: InferRule = (op) => {
  const [query, key, value] = [op.shape(0), op.shape(1), op.shape(2)];
  if (query === undefined || value === undefined) return { dtype: op.dtype(0) };
  const heads = op.node.intAttribute('q_num_heads', 1);
  const kvHeads = op.node.intAttribute('kv_num_heads', 1);
  const isApart = query.length === 4;
  const width = isApart ? value[3] : multiplyDims(divideDims(value[2], kvHeads), heads);
  const present = (x: Shape | undefined): TypeInfo => ({
    dtype: op.dtype(0),
    shape: x && (isApart ? [x[0], x[1], undefined, x[3]] : [x[0], kvHeads, undefined, divideDims(x[2], kvHeads)]),
  });
  return [{ dtype: op.dtype(0), shape: [...query.slice(0, -1), width] }, present(key), present(value)];
};

export const attentionRules: InferRules = {
  RotaryEmbedding: rotary,
  Attention: attention,
  'com.microsoft:Attention': packedAttention,
  'com.microsoft:RotaryEmbedding': rotary,
  'com.microsoft:GroupQueryAttention': groupQueryAttention,
  'com.microsoft:MultiHeadAttention': multiHeadAttention,
};
