import { byteProduct, roundedRows, Tape, type ByteInputs, type Model, type Node, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';

/** s · (bytes(x) ⊗ matrix), s = max|x| of each row. @param x  f32 [tokens, in] @returns f32 [tokens, out] */
export function roundedProduct(tape: Tape, x: Value, weight: Pick<ByteInputs, 'matrix' | 'scales' | 'rows'>): Value {
  const { levels, scale } = roundedRows(tape, x);
  return tape.op('Mul', [byteProduct(tape, { ...weight, levels, signed: weight.matrix.dtype === 'int8' }), scale]);
}

/** The gradient of a product's input. @param dy  f32 [tokens, out] @param matrix  [out, in] @param scale  f32 [out] */
export function roundedGradient(
  tape: Tape,
  dy: Value,
  { matrix, scale, columns }: { readonly matrix: Value; readonly scale: Value; readonly columns: number },
): Value {
  const ones = tape.constant(tensorOf('float32', [columns], new Float32Array(columns).fill(1)));
  return roundedProduct(tape, tape.op('Mul', [dy, scale]), { matrix, scales: ones, rows: columns });
}

/** The transposed matrix. */
export function turned(tape: Tape, matrix: Value): Value {
  const { dtype, shape } = matrix;
  const known = { ...(dtype && { dtype }), ...(shape && { shape: shape.toReversed() }) };
  return tape.op('Transpose', [matrix], { attributes: { perm: [1, 0] }, ...known });
}

/** A tape that records before a product what takes its place. */
export function tapeBefore(model: Model, product: Node): Tape {
  const metadata = Object.fromEntries(product.metadata);
  return new Tape(model, { scope: `${product.label}/bytes`, metadata, insertBefore: product });
}
