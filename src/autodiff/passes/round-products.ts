import {
  definePass,
  inOrder,
  isOutputLayer,
  moduleKey,
  sortNodes,
  zeroAfter,
  type Model,
  type Node,
  type Tape,
  type Value,
} from '../../ir/index.ts';
import { dataTypeNumber, typedArray } from '../../tensor/index.ts';
import { gradientKey } from '../differentiate.ts';
import { dequantizedWeight, removeUnused, type DequantizedWeight } from './dequantized-weight.ts';
import { roundBlocks } from './round-blocks.ts';
import { roundedGradient, roundedProduct, tapeBefore, turned } from './rounded-product.ts';

/**
 * Lets the products with frozen weights of integers multiply bytes, forwards as when the model is served, and backwards too:
 *
 *   y  = x · W          ⇒  s(x) · (bytes(x) ⊗ W),          s(x) = max|x| of each row
 *   dx = dy · Wᵀ        ⇒  s(z) · (bytes(z) ⊗ Lᵀ),         z = dy ∘ scale,   W = L ∘ scale,   one scale for each column
 *
 * Each row of x and of z has 255 levels of its own, so that a row depends on no other. Only what passes through frozen weights is
 * rounded; gradients of adapters are products of floats, and so is that of the last hidden state. A weight in blocks of 4 or 8 bits
 * becomes bytes for each of its products, if these round their inputs when the model is served (`bytesOfBlocks`).
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
  (model) => {
    const heads = outputLayers(model);
    const channels = [...model.graph.nodes].flatMap((node) => round(model, node, heads));
    const blocks = roundBlocks(model, heads);
    // WHY: what a layer that is computed again has made may stand behind the product that reads it.
    if (blocks.length > 0) sortNodes(model.graph);
    return [...channels, ...blocks];
  },
  { ensures: [inOrder] },
);

/**
 * The labels of the products that compute logits, whose gradients are not rounded. WHY: the gradient of a logit is a probability, less one
 * for the target. Beside the largest ones of a row most of a large vocabulary would be rounded to zero, and always downwards.
 */
function outputLayers({ graph }: Model): ReadonlySet<string> {
  const heads = graph.nodes.filter(({ metadata }) => isOutputLayer(metadata.get(moduleKey) ?? ''));
  return new Set(heads.map(({ label }) => label));
}

function round(model: Model, product: Node, heads: ReadonlySet<string>): string[] {
  const [x, matrix, more] = product.inputs;
  const [output] = product.outputs;
  const isGemm = product.opType === 'Gemm' && product.domain === '' && product.intAttribute('transA', 0) === 0;
  if (!isGemm || x === undefined || matrix === undefined || more !== undefined || output === undefined) return [];
  const weight = dequantizedWeight(matrix);
  if (weight === undefined || !isCentred(weight)) return [];
  const tape = tapeBefore(model, product);
  const isBackward = product.intAttribute('transB', 0) === 1;
  const isHead = heads.has(product.metadata.get(gradientKey) ?? '');
  if (isBackward && isHead && weight.bytes.dtype !== 'int8') return [];
  const way = isHead ? backwardInFloats : backward;
  model.graph.replaceAllUses(output, (isBackward ? way : forward)(tape, x, weight));
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
  return roundedProduct(tape, x, { matrix: waitingFor(tape, x, { ...weight, columns }), scales, rows: columns });
}

/** @param dy  f32 [tokens, out] @returns f32 [tokens, in] */
function backward(tape: Tape, dy: Value, { bytes, scale, rows, columns }: DequantizedWeight): Value {
  const matrix = turned(tape, waitingFor(tape, dy, { bytes, rows, columns }));
  return roundedGradient(tape, dy, { matrix, scale, columns: rows });
}

/**
 * The same with floats: (dy ∘ scale) · Lᵀ. WHY not by the floats of W: to make floats of bytes without a scale for each column takes a
 * sixth of the time.
 */
function backwardInFloats(tape: Tape, dy: Value, { scale, ...weight }: DequantizedWeight): Value {
  const floats = tape.op('Cast', [waitingFor(tape, dy, weight)], {
    attributes: { to: dataTypeNumber('float32') },
    dtype: 'float32',
    shape: [weight.rows, weight.columns],
  });
  return tape.op('Gemm', [tape.op('Mul', [dy, scale]), floats], { attributes: { transB: 1 } });
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
