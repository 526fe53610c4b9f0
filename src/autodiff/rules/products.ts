import type { Node, Tape, Value } from '../../ir/index.ts';
import { batchedProduct, matrixProduct, type ProductOptions } from '../emit.ts';
import { flattenRows, rankOf, reshapeLike } from '../shapes.ts';

export interface Product extends Required<ProductOptions> {
  readonly node: Node;
  readonly A: Value;
  readonly B: Value;
  readonly dY: Value;
}

/**
 * Gradients of Y = alpha · op(A) · op(B), where op optionally transposes:
 *
 *   dA = alpha · dY · op(B)ᵀ, transposed if A was        dB = alpha · op(A)ᵀ · dY, transposed if B was
 *
 * Transposes are flags of the products, never nodes. Batch axes may have been broadcast; the driver sums over them.
 */
export function productGradients(tape: Tape, product: Product): { A(): Value; B(): Value } {
  const { node, A, B, dY, transA } = product;
  if (rankOf(B, node) !== 2) return productThunks(tape, product, batchedProduct);
  if (rankOf(A, node) === 2) return productThunks(tape, product, matrixProduct);
  if (transA) return productThunks(tape, product, batchedProduct);
  // WHY flattened rows: dB is then one product without an intermediate [batch, in, out], and B is packed once.
  const rows = (x: Value): Value => flattenRows(tape, x, node);
  const flat = (): { A(): Value; B(): Value } =>
    productThunks(tape, { ...product, A: rows(A), dY: rows(dY) }, matrixProduct);
  return { A: () => reshapeLike(tape, flat().A(), A), B: () => flat().B() };
}

function productThunks(
  tape: Tape,
  { A, B, dY, transA, transB, alpha }: Product,
  multiply: typeof matrixProduct,
): { A(): Value; B(): Value } {
  return {
    A: () =>
      transA
        ? multiply(tape, B, dY, { transA: transB, transB: true, alpha })
        : multiply(tape, dY, B, { transB: !transB, alpha }),
    B: () =>
      transB
        ? multiply(tape, dY, A, { transA: true, transB: transA, alpha })
        : multiply(tape, A, dY, { transA: !transA, alpha }),
  };
}
