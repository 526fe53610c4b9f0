import { definePass, inOrder, int, Tape, zeroAfter, type Model, type Node } from '../../ir/index.ts';
import { dequantizedWeight, removeUnused } from './dequantized-weight.ts';
import { gradientKey } from '../differentiate.ts';

/**
 * Lets the products of the forward pass read their weights of integers transposed:
 *
 *   x · W   ⇒   x · (Wᵀ)ᵀ,   W = scale ∘ bytes,   Wᵀ = scale ∘ bytesᵀ
 *
 * WHY: ONNX Runtime multiplies by a matrix [out, in], transposed, a quarter faster than by one [in, out] that it has not packed, and to
 * transpose the bytes takes a small part of that. The backward pass reads [in, out] transposed as it is.
 *
 * Run it after `dequantizeAgain`, whose products have weights of their own, and before `recompute`.
 */
export const transposeBytes = definePass(
  'transpose-bytes',
  (model) => model.graph.nodes.flatMap((node) => transpose(model, node)),
  { ensures: [inOrder] },
);

function transpose(model: Model, product: Node): string[] {
  const [x, matrix] = product.inputs;
  if (product.metadata.has(gradientKey) || !isPlainProduct(product) || x === undefined || matrix === undefined)
    return [];
  const weight = dequantizedWeight(matrix);
  if (weight === undefined) return [];
  const { bytes, scale, zeroPoint, rows, columns } = weight;
  const tape = new Tape(model, { scope: product.label, insertBefore: product });
  // WHY a shape that depends on x: ONNX Runtime would transpose constant bytes when it loads the model, and keep both forms.
  const shape = tape.op('Add', [tape.int64s([rows, columns]), zeroAfter(tape, x, 'int64')]);
  const dtype = bytes.dtype && { dtype: bytes.dtype };
  const waiting = tape.op('Reshape', [bytes, shape], { ...dtype, shape: [rows, columns] });
  const turned = tape.op('Transpose', [waiting], { attributes: { perm: [1, 0] }, ...dtype, shape: [columns, rows] });
  const floats = tape.op('DequantizeLinear', [turned, scale, zeroPoint], {
    attributes: { axis: 0 },
    dtype: 'float32',
    shape: [columns, rows],
  });
  // WHY in place: what is known of the product's result, as its gradient, is known of this value.
  product.setInput(1, floats);
  product.setAttribute('transB', int(1));
  removeUnused(model.graph, matrix);
  return [`${product.label} reads its weight transposed`];
}

function isPlainProduct(node: Node): boolean {
  const isGemm = node.opType === 'Gemm' && node.domain === '';
  return isGemm && node.intAttribute('transA', 0) === 0 && node.intAttribute('transB', 0) === 0;
}
