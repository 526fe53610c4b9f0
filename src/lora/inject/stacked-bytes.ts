import { Graph, Tape, type Model, type Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf } from '../../tensor/index.ts';
import { loraConstant, type GraftPlace } from './graft.ts';

export interface ByteStack {
  readonly path: string;
  /** u8 [R, in], zero point 128 */
  readonly a: Value;
  /** s8 [R, out] */
  readonly b: Value;
  /** f32 [R]: the scale of each rank row, for both matrices together */
  readonly scale: Value;
  /** f32 [tokens, R] or [1, R] */
  readonly mask: Value;
  /** bool [1] */
  readonly isDecode: Value;
}

/**
 * Adds the update of adapters that are stored as bytes to the result of a product of bytes. The module's own rounded input is used
 * again, and the token's ranks between the two matrices are rounded likewise, with the largest of them as their scale:
 *
 *   h = ((x ⊗ Aᵀ) ∘ scale) ∘ mask        y' = y + t · (round(127 · h / t) ⊗ B) / 127,   t = max|h| of each token
 *
 * Each token has its own scale, and the columns of other adapters are zeros, so a token's result depends on no other token.
 *
 * WHY two ways to multiply by B: for few tokens, reading B takes the time, and bytes are the least to read. For many tokens, passes over
 * y' take it, and a Gemm adds y while it multiplies. Both compute the same sums of whole numbers.
 *
 * WHY A is the left factor: rows of A are ranks, so a range of ranks is one piece of memory.
 */
export function addByteStack(model: Model, tape: Tape, place: GraftPlace, stack: ByteStack): Value {
  const { path, a, b, scale, mask, isDecode } = stack;
  const [levels, , step, , middle] = place.site.node.inputs;
  const { y } = place;
  if (levels === undefined || y === undefined) throw new TypeError(`${path} is no product of bytes`);
  const one = loraConstant(tape, tensorOf('float32', [], [1]), { name: 'one', owner: path });
  const zero = loraConstant(tape, tensorOf('uint8', [1], [128]), { name: 'zero', owner: path });
  const least = loraConstant(tape, tensorOf('float32', [], [1e-30]), { name: 'least', owner: path });
  const last = loraConstant(tape, tensorOf('int64', [1], [-1]), { name: 'last', owner: path });
  const turned = tape.op('Transpose', [levels], { attributes: { perm: [1, 0] } });
  const product = tape.op('MatMulIntegerToFloat', [a, turned, one, step, zero, middle], { ...contrib, name: 'A' });
  const ranks = tape.op('Transpose', [product], { attributes: { perm: [1, 0] } });
  const own = tape.op('Mul', [tape.op('Mul', [ranks, scale]), mask], { name: 'mask' });
  const largest = tape.op('ReduceMax', [tape.op('Abs', [own]), last], { attributes: { keepdims: 1 } });
  // WHY a lower bound: the ranks of a token without an adapter are zeros, and 0 / 0 would be NaN.
  const size = tape.op('Max', [largest, least]);
  const rounded = tape.op('QuantizeLinear', [tape.op('Div', [own, size]), step, middle]);
  const few = branch(model, `${path}/lora/few`, (inner) => {
    const integers = inner.op('MatMulIntegerToFloat', [rounded, b, step, one, middle], { ...contrib, name: 'B' });
    return inner.op('Add', [y, inner.op('Mul', [integers, size])]);
  });
  const many = branch(model, `${path}/lora/many`, (inner) => {
    const floats = inner.op('Mul', [inner.op('DequantizeLinear', [rounded, step, middle]), size]);
    const matrix = inner.op('Cast', [b], { attributes: { to: dataTypeNumber('float32') }, dtype: 'float32' });
    return inner.op('Gemm', [floats, matrix, y], { name: 'B' });
  });
  const attributes = { then_branch: few, else_branch: many };
  return tape.op('If', [isDecode], { attributes, name: 'B', dtype: 'float32', ...(y.shape && { shape: y.shape }) });
}

const contrib = { domain: 'com.microsoft', dtype: 'float32' } as const;

function branch(model: Model, scope: string, record: (tape: Tape) => Value): Graph {
  const graph = new Graph(scope, model.graph);
  graph.addOutput(record(new Tape({ ...model, graph }, { scope })));
  return graph;
}
