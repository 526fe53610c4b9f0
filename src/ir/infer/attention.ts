import { divideDims, multiplyDims, type Dim, type Shape } from '../dim.ts';
import type { InferRule, InferRules, OpView, TypeInfo } from './infer-rule.ts';

/** Rotates pairs of each head; nothing else changes. */
const rotary: InferRule = (op) => ({ dtype: op.dtype(0), shape: op.shape(0) });

/**
 * Y [batch, seq, heads*headDim] of a query of that shape, or of one that holds query, key and value side by side.
 * The length of present keys and values depends on how the caller binds them, so it stays open.
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

/** Y [batch, seq, width of the values]; packed inputs say nothing here. */
const multiHeadAttention: InferRule = (op) => {
  const [query, value] = [op.shape(0), op.shape(2)];
  if (query?.length !== 3 || value?.length !== 3) return { dtype: op.dtype(0) };
  return { dtype: op.dtype(0), shape: [query[0], query[1], value[2]] };
};

export const attentionRules: InferRules = {
  RotaryEmbedding: rotary,
  'com.microsoft:RotaryEmbedding': rotary,
  'com.microsoft:GroupQueryAttention': groupQueryAttention,
  'com.microsoft:MultiHeadAttention': multiHeadAttention,
};
