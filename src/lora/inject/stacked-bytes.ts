import { Graph, Tape, type Model, type Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf, type TensorData } from '../../tensor/index.ts';
import { loraConstant, type GraftPlace } from './graft.ts';

/**
 * How a run of few tokens is computed. An item pairs a token with a block of rank rows that it uses; items lie in a grid with one line
 * for each block. Empty places of the grid read any token and have no share in a result.
 */
export interface ByteItems {
  /** bool [1]: whether any token of the run has an adapter. All others are read only then. */
  readonly isActive: Value;
  /** bool [1]: whether the run has few tokens. The others below are read only then. */
  readonly isDecode: Value;
  /** int64 [items]: the token of each item */
  readonly rows: Value;
  /** int64 [3]: blocks, places of each block, -1 */
  readonly grid: Value;
  /** f32 [tokens, items]: the strength with which an item is added to a token */
  readonly shares: Value;
}

export interface ByteStack {
  readonly path: string;
  readonly out: number;
  /** s8 [blocks, in, u] */
  readonly a: Value;
  /** s8 [blocks, u, out] */
  readonly b: Value;
  /** f32 [blocks, 1, u]: the scale of each rank row, for both matrices together */
  readonly scale: Value;
  /** f32 [tokens, R] or [1, R] */
  readonly mask: Value;
  readonly items: ByteItems;
}

/**
 * Adds the update of adapters that are stored as bytes to the result of a product of bytes.
 *
 * For few tokens, the module's input is rounded; where the module's own product is one of bytes, it is read as that reads it. Each item
 * is multiplied by its own block, and its ranks between the two matrices are rounded as well, with the largest of them as their scale.
 * For many tokens, nothing is rounded but A and B:
 *
 *   h = s · (round(127 · x / s) ⊗ A) / 127 ∘ scale,   s = max|x| of the item
 *   y' = y + Σ share · t · (round(127 · h / t) ⊗ B) / 127,   t = max|h| of the item
 *
 *   h = ((x·A) ∘ scale) ∘ mask,   y' = y + h·B
 *
 * Each item has its own scale, so a token's result depends on no other token. Where no token has an adapter, y is the result.
 *
 * WHY two forms: for few tokens, reading A and B takes the time, and bytes are the least to read. For many tokens, the matrices of one
 * adapter are small beside x and y. Rounding would pass over these several times more, and a Gemm adds y while it multiplies.
 *
 * WHY a product with the shares at the end: it selects, scales and adds at once. ScatterND with additions may run in parallel where
 * several items belong to one token.
 */
export function addByteStack(tape: Tape, place: GraftPlace, stack: ByteStack): Value {
  const { path, out, a, b, scale, mask, items } = stack;
  const { y } = place;
  if (!y) throw new TypeError(`${path} is not computed as a list of rows`);
  const constant = (name: string, tensor: TensorData): Value => loraConstant(tape, tensor, { name, owner: path });
  const one = constant('one', tensorOf('float32', [], [1]));
  const least = constant('least', tensorOf('float32', [], [1e-30]));
  const last = constant('last', tensorOf('int64', [1], [-1]));
  const outRows = constant('out_rows', tensorOf('int64', [2], [-1, out]));
  const rankRows = constant('rank_rows', tensorOf('int64', [2], [0, -1]));
  const oneRow = constant('one_row', tensorOf('int64', [2], [1, -1]));
  const { input, levels, step, middle } = ownRounding(place) ?? {
    input: place.x,
    levels: undefined,
    step: constant('step', tensorOf('float32', [], [1 / 127])),
    middle: constant('middle', tensorOf('uint8', [], [128])),
  };
  const few = (inner: Tape): Value => {
    const round = (values: Value): { readonly rounded: Value; readonly size: Value } => {
      const largest = inner.op('ReduceMax', [inner.op('Abs', [values]), last], { attributes: { keepdims: 1 } });
      // WHY a lower bound: the ranks of an adapter that does not change the module are zeros, and 0 / 0 would be NaN.
      const size = inner.op('Max', [largest, least]);
      return { rounded: inner.op('QuantizeLinear', [inner.op('Div', [values, size]), step, middle]), size };
    };
    const tokens = inner.op('Reshape', [inner.op('Gather', [levels ?? input, items.rows]), items.grid]);
    const { rounded: left, size: leftSize } = levels ? { rounded: tokens, size: undefined } : round(tokens);
    const product = inner.op('MatMulIntegerToFloat', [left, a, step, one, middle], { ...contrib, name: 'A' });
    const { rounded, size } = round(inner.op('Mul', [product, scale]));
    const integers = inner.op('MatMulIntegerToFloat', [rounded, b, step, one, middle], { ...contrib, name: 'B' });
    const factor = leftSize ? inner.op('Mul', [size, leftSize]) : size;
    const updates = inner.op('Reshape', [inner.op('Mul', [integers, factor]), outRows]);
    return inner.op('Gemm', [items.shares, updates, y], { name: 'shares' });
  };
  const many = (inner: Tape): Value => {
    const floats = (bytes: Value): Value =>
      inner.op('Cast', [bytes], { attributes: { to: dataTypeNumber('float32') }, dtype: 'float32' });
    const product = inner.op('MatMul', [input, floats(a)], { name: 'A' });
    const ranks = inner.op('Reshape', [
      inner.op('Transpose', [product], { attributes: { perm: [1, 0, 2] } }),
      rankRows,
    ]);
    const scaled = inner.op('Mul', [ranks, inner.op('Reshape', [scale, oneRow])]);
    const own = inner.op('Mul', [scaled, mask], { name: 'mask' });
    return inner.op('Gemm', [own, floats(inner.op('Reshape', [b, outRows])), y], { name: 'B' });
  };
  const either = (on: Tape, condition: Value, then: Branch, otherwise: Branch): Value =>
    on.op('If', [condition], {
      attributes: { then_branch: branch(on.model, then), else_branch: branch(on.model, otherwise) },
      name: 'B',
      dtype: 'float32',
      ...(y.shape && { shape: y.shape }),
    });
  const scope = `${path}/lora`;
  const active = (inner: Tape): Value =>
    either(inner, items.isDecode, { scope: `${scope}/few`, record: few }, { scope: `${scope}/many`, record: many });
  const none = (inner: Tape): Value => inner.op('Identity', [y]);
  return either(
    tape,
    items.isActive,
    { scope: `${scope}/active`, record: active },
    { scope: `${scope}/none`, record: none },
  );
}

interface Rounding {
  /** The module's input as its rounding reads it: f32 [tokens, in], x / s. */
  readonly input: Value;
  /** u8 [tokens, in] */
  readonly levels: Value;
  readonly step: Value;
  readonly middle: Value;
}

/** How a product of bytes that `quantizedLinear` builds rounds its input; undefined for other products. */
function ownRounding({ site: { node } }: GraftPlace): Rounding | undefined {
  if (node.opType !== 'MatMulIntegerToFloat') return undefined;
  const [levels, , step, , middle] = node.inputs;
  const input = levels?.producer?.inputs[0];
  return input && levels && step && middle ? { input, levels, step, middle } : undefined;
}

const contrib = { domain: 'com.microsoft', dtype: 'float32' } as const;

interface Branch {
  readonly scope: string;
  readonly record: (tape: Tape) => Value;
}

function branch(model: Model, { scope, record }: Branch): Graph {
  const graph = new Graph(scope, model.graph);
  graph.addOutput(record(new Tape({ ...model, graph }, { scope })));
  return graph;
}
