import { EspalierError } from '../core/index.ts';
import { writeAtomically } from '../atomic-files/index.ts';
import { byteLength, elementSize, type DataType } from './data-type.ts';
import { safetensorsTypes } from './safetensors-header.ts';
import type { TensorData } from './tensor-data.ts';

export interface WriteSafetensorsOptions {
  /** Texts kept in the header; `{ format: 'pt' }` tells PyTorch's readers that the tensors are theirs. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const nameByType: ReadonlyMap<DataType, string> = new Map(
  Object.entries(safetensorsTypes).map(([name, dtype]) => [dtype, name]),
);

/** A tensor whose bytes come piece by piece, so that it need not fit into memory. */
export interface TensorStream {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** The bytes from the first to the last. Asked for once, when the turn of the tensor comes. */
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Writes a safetensors file whole or not at all: beside its place first, flushed to the disk, then renamed. An existing
 * file is replaced. The same tensors give the same bytes, whatever order they come in: wide types first, then by name,
 * so that every tensor is aligned for its type.
 *
 * @throws EspalierError SAFETENSORS_NOT_WRITABLE when a name comes twice, is `__metadata__`, or bytes do not fit a shape
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, TensorData]>,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const streams = [...tensors].map(([name, { dtype, shape, bytes }]): Named => {
    return [name, { dtype, shape, chunks: () => [bytes] }];
  });
  return streamSafetensors(path, streams, options);
}

/**
 * As `writeSafetensors`, for tensors that are made while they are written.
 *
 * @throws EspalierError SAFETENSORS_NOT_WRITABLE, also when a tensor's chunks are not as many bytes as its shape takes
 */
export async function streamSafetensors(
  path: string,
  tensors: Iterable<readonly [string, TensorStream]>,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const sorted = sortTensors(path, [...tensors]);
  const header = formatHeader(sorted, options.metadata);
  await writeAtomically(path, async (handle) => {
    await handle.writeFile(header);
    for (const [name, tensor] of sorted) {
      let written = 0;
      for await (const chunk of tensor.chunks()) {
        await handle.writeFile(chunk);
        written += chunk.byteLength;
      }
      if (written !== byteLength(tensor.dtype, tensor.shape)) throw misfit(path, { name, ...tensor }, written);
    }
  });
}

type Named = readonly [string, TensorStream];
/** What the header says of a tensor. */
export type TensorLayout = Pick<TensorStream, 'dtype' | 'shape'>;

/**
 * Tensors in the order of the file: wide types first, then by name.
 * @throws EspalierError SAFETENSORS_NOT_WRITABLE
 */
export function sortTensors<Layout extends TensorLayout>(
  path: string,
  tensors: (readonly [string, Layout])[],
): (readonly [string, Layout])[] {
  const seen = new Set<string>();
  for (const [name, tensor] of tensors) {
    const reason = whyNotWritable(name, tensor, seen);
    if (reason !== undefined) throw new EspalierError('SAFETENSORS_NOT_WRITABLE', { path, reason });
    seen.add(name);
  }
  return tensors.sort(
    ([a, left], [b, right]) => elementSize(right.dtype) - elementSize(left.dtype) || (a < b ? -1 : 1),
  );
}

function whyNotWritable(name: string, { dtype, shape }: TensorLayout, seen: ReadonlySet<string>): string | undefined {
  if (name === '__metadata__') return 'the format keeps the name __metadata__ for itself';
  if (/\p{Surrogate}/u.test(name)) return 'a name holds half of a surrogate pair';
  if (seen.has(name)) return `the name ${name} comes twice`;
  if (!nameByType.has(dtype)) return `the format has no element type for ${dtype}, that of ${name}`;
  const whole = shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
  return whole ? undefined : `${name} has the shape [${shape.join(', ')}]`;
}

interface Described extends TensorLayout {
  readonly name: string;
}

export function misfit(path: string, { name, dtype, shape }: Described, actual: number): EspalierError {
  const expected = byteLength(dtype, shape);
  const reason = `${name} has ${actual} bytes, ${dtype} [${shape.join(', ')}] takes ${expected}`;
  return new EspalierError('SAFETENSORS_NOT_WRITABLE', { path, reason });
}

/** The header with its length before it, padded with spaces to a multiple of 8 so that the data is aligned. */
export function formatHeader(
  tensors: readonly (readonly [string, TensorLayout])[],
  metadata: Readonly<Record<string, string>> | undefined,
): Buffer {
  const parts: string[] = [];
  if (metadata !== undefined) {
    const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
    parts.push(`"__metadata__":${JSON.stringify(Object.fromEntries(sorted))}`);
  }
  let begin = 0;
  for (const [name, { dtype, shape }] of tensors) {
    const offsets = [begin, (begin += byteLength(dtype, shape))];
    const entry = { dtype: nameByType.get(dtype), shape, data_offsets: offsets };
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const text = Buffer.from(`{${parts.join(',')}}`);
  const padded = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  text.copy(padded, 8);
  return padded;
}
