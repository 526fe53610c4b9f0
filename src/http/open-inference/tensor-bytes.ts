import { EspalierError, Pace } from '../../core/index.ts';
import { byteLength, type DataType, type TensorData } from '../../tensor/index.ts';

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
export async function tensorOfBytes(bytes: Uint8Array, { dtype, shape, param }: TensorHeader): Promise<TensorData> {
  if (dtype === 'string') {
    const count = await countStrings(bytes);
    if (count === undefined) throw wrong(param, 'its last element reaches beyond the end of the bytes');
    assertCount(count, { dtype, shape, param });
    return { dtype, shape, bytes };
  }
  const expected = byteLength(dtype, shape);
  if (expected !== bytes.byteLength) {
    throw wrong(param, `the shape [${shape.join(', ')}] needs ${expected} bytes, got ${bytes.byteLength}`);
  }
  // WHY: kernels use the byte of a bool as it is, and treat other values in different ways.
  if (dtype === 'bool' && !(await areBits(bytes))) throw wrong(param, 'a BOOL must be 0 or 1');
  return { dtype, shape, bytes };
}

/** Read between two looks at the clock. */
const perSlice = 2 ** 14;

/**
 * The number of packed strings. WHY not unpacked: bytes of megabytes may hold millions of empty ones.
 * @returns undefined if the last one reaches beyond the end
 */
async function countStrings(packed: Uint8Array): Promise<number | undefined> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const pace = new Pace();
  let count = 0;
  for (let offset = 0; offset < packed.byteLength; count++) {
    if (offset + 4 > packed.byteLength) return undefined;
    offset += 4 + view.getUint32(offset, true);
    if (offset > packed.byteLength) return undefined;
    const turn = count % perSlice === 0 ? pace.step() : undefined;
    if (turn) await turn;
  }
  return count;
}

async function areBits(bytes: Uint8Array): Promise<boolean> {
  const pace = new Pace();
  for (let start = 0; start < bytes.byteLength; start += perSlice) {
    const end = Math.min(bytes.byteLength, start + perSlice);
    for (let i = start; i < end; i++) if ((bytes[i] ?? 0) > 1) return false;
    const turn = pace.step();
    if (turn) await turn;
  }
  return true;
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
