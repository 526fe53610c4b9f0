import {
  byteProduct,
  definePass,
  inOrder,
  roundedRows,
  Tape,
  zeroAfter,
  type ByteInputs,
  type Model,
  type Node,
  type Value,
} from '../../ir/index.ts';
import { tensorOf, typedArray } from '../../tensor/index.ts';
import { dequantizedWeight, removeUnused, type DequantizedWeight } from './dequantized-weight.ts';

/**
 * Lets the products with frozen weights of bytes multiply bytes, forwards as when the model is served, and backwards too:
 *
 *   y  = x · W          ⇒  s(x) · (bytes(x) ⊗ W),          s(x) = max|x| of each row
 *   dx = dy · Wᵀ        ⇒  s(z) · (bytes(z) ⊗ Lᵀ),         z = dy ∘ scale,   W = L ∘ scale,   one scale for each column
 *
 * Each row of x and of z has 255 levels of its own, so that a row depends on no other. Only what passes through frozen weights is rounded;
 * gradients of adapters are products of floats.
 *
 * WHY: products of bytes take a third of the time of those of floats where the processor has instructions for them, and no floats of the
 * weights are made.
 *
 * Run it after `dequantizeAgain` and `recompute`, and instead of `transposeBytes`. On processors whose kernels add pairs in 16 bits,
 * `kernelPasses` of `execution` makes the levels fewer.
 *
 * @see Wortsman et al. 2023, "Stable and low-precision training for large-scale vision-language models", §2 (products of bytes for inputs
 *   and their gradients); Dettmers et al. 2022, "LLM.int8()", §2.2
 */
export const roundProducts = definePass(
  'round-products',
  (model) => [...model.graph.nodes].flatMap((node) => round(model, node)),
  { ensures: [inOrder] },
);

function round(model: Model, product: Node): string[] {
  const [x, matrix, more] = product.inputs;
  const [output] = product.outputs;
  const isGemm = product.opType === 'Gemm' && product.domain === '' && product.intAttribute('transA', 0) === 0;
  if (!isGemm || x === undefined || matrix === undefined || more !== undefined || output === undefined) return [];
  const weight = dequantizedWeight(matrix);
  if (weight === undefined || !isCentred(weight)) return [];
  const metadata = Object.fromEntries(product.metadata);
  const tape = new Tape(model, { scope: `${product.label}/bytes`, metadata, insertBefore: product });
  const isBackward = product.intAttribute('transB', 0) === 1;
  model.graph.replaceAllUses(output, (isBackward ? backward : forward)(tape, x, weight));
  model.graph.removeNode(product);
  removeUnused(model.graph, matrix);
  return [`${product.label} multiplies bytes`];
}

/** Whether zero is in the middle of the bytes: graphs of other tools may have it elsewhere, and are computed as floats. */
function isCentred({ bytes, zeroPoint }: DequantizedWeight): boolean {
  if (zeroPoint === undefined) return bytes.dtype === 'int8';
  const { constant } = zeroPoint;
  if (bytes.dtype !== 'uint8' || constant?.kind !== 'inline') return false;
  return Array.from(typedArray(constant.tensor), Number).every((middle) => middle === 128);
}

/** @param x  f32 [tokens, in] @returns f32 [tokens, out] */
function forward(tape: Tape, x: Value, { scale: scales, columns, ...weight }: DequantizedWeight): Value {
  const matrix = waitingFor(tape, x, { ...weight, columns });
  return product(tape, x, { matrix, scales, rows: columns });
}

/** @param dy  f32 [tokens, out] @returns f32 [tokens, in] */
function backward(tape: Tape, dy: Value, { bytes, scale, rows, columns }: DequantizedWeight): Value {
  const matrix = tape.op('Transpose', [waitingFor(tape, dy, { bytes, rows, columns })], {
    attributes: { perm: [1, 0] },
    ...(bytes.dtype && { dtype: bytes.dtype }),
    shape: [columns, rows],
  });
  const ones = tape.constant(tensorOf('float32', [rows], new Float32Array(rows).fill(1)));
  return product(tape, tape.op('Mul', [dy, scale]), { matrix, scales: ones, rows });
}

/** s · (bytes(x) ⊗ matrix) */
function product(tape: Tape, x: Value, weight: Pick<ByteInputs, 'matrix' | 'scales' | 'rows'>): Value {
  const { levels, scale } = roundedRows(tape, x);
  return tape.op('Mul', [byteProduct(tape, { ...weight, levels, signed: weight.matrix.dtype === 'int8' }), scale]);
}

/** WHY a shape that depends on x: ONNX Runtime would transpose or pack constant bytes when it loads the model, and keep both forms. */
function waitingFor(
  tape: Tape,
  x: Value,
  { bytes, rows, columns }: Pick<DequantizedWeight, 'bytes' | 'rows' | 'columns'>,
): Value {
  const shape = tape.op('Add', [tape.int64s([rows, columns]), zeroAfter(tape, x, 'int64')]);
  return tape.op('Reshape', [bytes, shape], { ...(bytes.dtype && { dtype: bytes.dtype }), shape: [rows, columns] });
}
