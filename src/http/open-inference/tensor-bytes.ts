import { EspalierError } from '../../core/index.ts';
import { byteLength, unpackStrings, type DataType, type TensorData } from '../../tensor/index.ts';

/** What a request says of a tensor, and where, for messages. */
export interface TensorHeader {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** `inputs.0` */
  readonly param: string;
}

/**
 * A tensor of the bytes that a request brought: little-endian, row-major; strings each behind its length.
 *
 * @returns a tensor over these very bytes, which may not be aligned
 * @throws EspalierError REQUEST_INVALID where they are not as many as the shape needs, or a BOOL is neither 0 nor 1
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
  // WHY: kernels take a bool's byte as it is, and any other would be a truth of its own.
  if (dtype === 'bool' && bytes.some((byte) => byte > 1)) throw wrong(param, 'a BOOL must be 0 or 1');
  return { dtype, shape, bytes };
}

/** @throws EspalierError REQUEST_INVALID where the shape says another number of elements */
export function assertCount(count: number, { shape, param }: TensorHeader): void {
  const expected = shape.reduce((product, dim) => product * dim, 1);
  if (expected === count) return;
  throw wrong(param, `the shape [${shape.join(', ')}] needs ${expected} elements, got ${count}`);
}

function wrong(param: string, problem: string): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param, problem });
}
