import { EspalierError } from '../../core/index.ts';
import { byteLength, unpackStrings, type DataType, type TensorData } from '../../tensor/index.ts';

/** The header of a tensor in a request, with its place for error messages. */
export interface TensorHeader {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** `inputs.0` */
  readonly param: string;
}

/**
 * Makes a tensor from the bytes of a request: little-endian, row-major; each string after its length.
 *
 * @returns a tensor over the same bytes, which may not be aligned
 * @throws EspalierError REQUEST_INVALID if the shape needs another number of bytes, or if a BOOL is neither 0 nor 1
 */
export function tensorOfBytes(bytes: Uint8Array, { dtype, shape, param }: TensorHeader): TensorData {
  if (dtype === 'string') {
    const strings = unpackStrings(bytes);
    if (strings === undefined) throw wrong(param, 'its last element reaches beyond the end of the bytes');
    assertCount(strings.length, { dtype, shape, param });
    return { dtype, shape, bytes };
  }
  const expected = byteLength(dtype, shape);
  if (expected !== bytes.byteLength) {
    throw wrong(param, `the shape [${shape.join(', ')}] needs ${expected} bytes, got ${bytes.byteLength}`);
  }
  // WHY: kernels use the byte of a bool as it is, and treat other values in different ways.
  if (dtype === 'bool' && bytes.some((byte) => byte > 1)) throw wrong(param, 'a BOOL must be 0 or 1');
  return { dtype, shape, bytes };
}

/** @throws EspalierError REQUEST_INVALID if the shape has another number of elements */
export function assertCount(count: number, { shape, param }: TensorHeader): void {
  const expected = shape.reduce((product, dim) => product * dim, 1);
  if (expected === count) return;
  throw wrong(param, `the shape [${shape.join(', ')}] needs ${expected} elements, got ${count}`);
}

function wrong(param: string, problem: string): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param, problem });
}
