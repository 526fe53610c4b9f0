import type { Model, Node } from '../../ir/index.ts';
import { gradientKey } from '../differentiate.ts';
import { recomputedKey } from '../recompute.ts';
import { blockWeight, bytesOfBlocks, type BlockWeight, type RowBytes } from './block-bytes.ts';
import { removeUnused } from './dequantized-weight.ts';
import { roundedGradient, roundedProduct, tapeBefore, turned } from './rounded-product.ts';

interface Known {
  /** See `outputLayers`. */
  readonly heads: ReadonlySet<string>;
  /** By the label of a product of the forward pass. */
  readonly weights: Map<string, BlockWeight>;
  /** What a layer that is computed again has made, by the label of the product of the forward pass. */
  readonly again: Map<string, RowBytes>;
}

/**
 * The part of `roundProducts` for weights in blocks. The bytes exist from right before a product until it is computed. Those of a layer
 * that is computed again are kept for its backward pass.
 *
 * @returns what was changed. The nodes may be out of order then.
 */
export function roundBlocks(model: Model, heads: ReadonlySet<string>): string[] {
  const known: Known = { heads, weights: new Map(), again: new Map() };
  const forwards = [...model.graph.nodes].flatMap((node) => forward(model, node, known));
  return [...forwards, ...[...model.graph.nodes].flatMap((node) => backward(model, node, known))];
}

function forward(model: Model, product: Node, { weights, again }: Known): string[] {
  const weight = blockWeight(product, model.opsets.get('') ?? 0);
  const [x] = product.inputs;
  const [output] = product.outputs;
  if (weight === undefined || x?.shape?.length !== 2 || output === undefined) return [];
  const tape = tapeBefore(model, product);
  const made = bytesOfBlocks(tape, x, weight);
  const first = product.metadata.get(recomputedKey);
  if (first !== undefined) again.set(first, made);
  weights.set(first ?? product.label, weight);
  const y = roundedProduct(tape, x, { matrix: turned(tape, made.bytes), scales: made.scale, rows: weight.rows });
  const [, ...stored] = product.inputs;
  model.graph.replaceAllUses(output, y);
  model.graph.removeNode(product);
  // The same bytes are read with other types.
  for (const value of stored) if (value) removeUnused(model.graph, value);
  return [`${product.label} multiplies bytes`];
}

/** The product dY · W, for which the gradient of MatMulNBits makes floats of W. */
function backward(model: Model, product: Node, { heads, weights, again }: Known): string[] {
  const [dy, matrix] = product.inputs;
  const [output] = product.outputs;
  const label = product.metadata.get(gradientKey) ?? '';
  const weight = weights.get(label);
  const isProduct = product.opType === 'MatMul' && matrix?.producer?.inputs[0]?.producer?.opType === 'DequantizeLinear';
  if (!isProduct || heads.has(label) || weight === undefined || dy?.shape?.length !== 2 || output === undefined)
    return [];
  const tape = tapeBefore(model, product);
  const { bytes, scale } = again.get(label) ?? bytesOfBlocks(tape, dy, weight);
  const dx = roundedGradient(tape, dy, { matrix: bytes, scale, columns: weight.columns });
  model.graph.replaceAllUses(output, dx);
  model.graph.removeNode(product);
  removeUnused(model.graph, matrix);
  return [`${product.label} multiplies bytes`];
}
