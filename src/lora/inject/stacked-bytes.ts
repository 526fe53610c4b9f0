import { Graph, Tape, type Model, type Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf, type TensorData } from '../../tensor/index.ts';
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
 * Adds the update of adapters that are stored as bytes to the result of a product of bytes.
 *
 * For few tokens, the module's input is rounded as for the module's own product, and the token's ranks between the two matrices likewise,
 * with the largest of them as their scale. For many tokens, nothing is rounded but A and B:
 *
 *   h = ((x ⊗ Aᵀ) ∘ scale) ∘ mask        y' = y + t · (round(127 · h / t) ⊗ B) / 127,   t = max|h| of each token
 *   h = ((x·Aᵀ) ∘ scale) ∘ mask          y' = y + h·B
 *
 * Each token has its own scale, and the columns of other adapters are zeros, so a token's result depends on no other token.
 *
 * WHY two forms: for few tokens, reading A and B takes the time, and bytes are the least to read. For many tokens, the matrices of one
 * adapter are small beside x and y. Rounding would pass over these several times more, and a Gemm adds y while it multiplies.
 *
 * WHY A is the left factor of bytes: rows of A are ranks, so a range of ranks is one piece of memory. WHY the other one is signed: a
 * product with unsigned bytes on the right takes a quarter longer.
 */
export function addByteStack(model: Model, tape: Tape, place: GraftPlace, stack: ByteStack): Value {
  const { path, a, b, scale, mask, isDecode } = stack;
  const [levels, , step, , middle] = place.site.node.inputs;
  // The module's input as its rounding reads it: x / s.
  const input = levels?.producer?.inputs[0];
  const { y } = place;
  if (!input || !step || !middle || !y) throw new TypeError(`${path} is no product of bytes`);
  const constant = (name: string, tensor: TensorData): Value => loraConstant(tape, tensor, { name, owner: path });
  const one = constant('one', tensorOf('float32', [], [1]));
  const centre = constant('centre', tensorOf('int8', [], [0]));
  const zero = constant('zero', tensorOf('uint8', [1], [128]));
  const offset = constant('offset', tensorOf('float32', [], [128]));
  const least = constant('least', tensorOf('float32', [], [1e-30]));
  const last = constant('last', tensorOf('int64', [1], [-1]));
  const few = branch(model, `${path}/lora/few`, (inner) => {
    const turned = inner.op('Transpose', [inner.op('QuantizeLinear', [input, step, centre])], turning);
    const product = inner.op('MatMulIntegerToFloat', [a, turned, one, step, zero], { ...contrib, name: 'A' });
    const own = masked(inner, inner.op('Transpose', [product], turning), { scale, mask });
    const largest = inner.op('ReduceMax', [inner.op('Abs', [own]), last], { attributes: { keepdims: 1 } });
    // WHY a lower bound: the ranks of a token without an adapter are zeros, and 0 / 0 would be NaN.
    const size = inner.op('Max', [largest, least]);
    const rounded = inner.op('QuantizeLinear', [inner.op('Div', [own, size]), step, middle]);
    const integers = inner.op('MatMulIntegerToFloat', [rounded, b, step, one, middle], { ...contrib, name: 'B' });
    return inner.op('Add', [y, inner.op('Mul', [integers, size])]);
  });
  const many = branch(model, `${path}/lora/many`, (inner) => {
    const floats = (bytes: Value): Value =>
      inner.op('Cast', [bytes], { attributes: { to: dataTypeNumber('float32') }, dtype: 'float32' });
    const product = inner.op('Gemm', [input, inner.op('Sub', [floats(a), offset])], { attributes: { transB: 1 } });
    return inner.op('Gemm', [masked(inner, product, { scale, mask }), floats(b), y], { name: 'B' });
  });
  const attributes = { then_branch: few, else_branch: many };
  return tape.op('If', [isDecode], { attributes, name: 'B', dtype: 'float32', ...(y.shape && { shape: y.shape }) });
}

const turning = { attributes: { perm: [1, 0] } } as const;

/** f32 [tokens, R] */
function masked(tape: Tape, ranks: Value, { scale, mask }: Pick<ByteStack, 'scale' | 'mask'>): Value {
  return tape.op('Mul', [tape.op('Mul', [ranks, scale]), mask], { name: 'mask' });
}

const contrib = { domain: 'com.microsoft', dtype: 'float32' } as const;

function branch(model: Model, scope: string, record: (tape: Tape) => Value): Graph {
  const graph = new Graph(scope, model.graph);
  graph.addOutput(record(new Tape({ ...model, graph }, { scope })));
  return graph;
}
