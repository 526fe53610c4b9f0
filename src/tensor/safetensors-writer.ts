import { EspalierError } from '../core/index.ts';
import { writeAtomically } from '../atomic-files/index.ts';
import { byteLength, elementSize, type DataType } from './data-type.ts';
import { safetensorsTypes } from './safetensors-header.ts';
import type { TensorData } from './tensor-data.ts';

export interface WriteSafetensorsOptions {
  /** Strings to store in the header. PyTorch's readers expect `{ format: 'pt' }`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const nameByType: ReadonlyMap<DataType, string> = new Map(
  Object.entries(safetensorsTypes).map(([name, dtype]) => [dtype, name]),
);

/** A tensor whose bytes are produced in chunks, so that it need not fit into memory. */
export interface TensorStream {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** The bytes in order. Called once, when the tensor is written. */
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Writes a safetensors file atomically: to a temporary file, which is flushed and then renamed. An existing file is replaced.
 * The output does not depend on the order of the tensors: they are sorted by the size of their type, widest first, and then by
 * name, so that every tensor is aligned for its type.
 *
 * @throws EspalierError SAFETENSORS_NOT_WRITABLE when a name occurs twice, is `__metadata__`, or the bytes do not fit the shape
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
 * Like `writeSafetensors`, for tensors that are produced while they are written.
 *
 * @throws EspalierError SAFETENSORS_NOT_WRITABLE, also if the chunks of a tensor are not as many bytes as its shape takes
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
/** What the header stores about a tensor: its type and shape. */
export type TensorLayout = Pick<TensorStream, 'dtype' | 'shape'>;

/**
 * Sorts tensors as the file stores them: by the size of their type, widest first, and then by name.
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

/** The header with its length in front, padded with spaces to a multiple of 8 bytes so that the data is aligned. */
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
