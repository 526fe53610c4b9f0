import { breathe } from '../core/index.ts';
import { companionNames, type WeightRef } from '../models/index.ts';
import type { PartWriter } from '../tensor/index.ts';
import { quantizeBlocks } from './block-quantizer.ts';
import { quantizeChannels } from './channel-quantizer.ts';
import type { PlannedWeight } from './plan-quantization.ts';
import type { WeightReader } from './weight-reader.ts';

export interface WriteWeight {
  readonly reader: WeightReader;
  readonly writer: PartWriter;
  readonly signal: AbortSignal | undefined;
  /** Called after each piece with the number of bytes of the source that it covered. */
  readonly onPiece: (bytes: number) => void;
}

/** Number of elements quantized at once; this takes a few milliseconds. */
const pieceLength = 1 << 16;
/** Number of bytes copied at once. */
const copyLength = 1 << 22;

type Quantized = Exclude<PlannedWeight, { kind: 'kept' }>;

/** Reads, quantizes and writes one weight, piece by piece. */
export async function writeWeight(planned: PlannedWeight, write: WriteWeight): Promise<void> {
  if (planned.kind === 'kept') return copyWeight(planned.name, planned.ref, write);
  return planned.kind === 'int8' ? writeChannels(planned, write) : writeBlocks(planned, write);
}

async function copyWeight(
  name: string,
  ref: WeightRef,
  { reader, writer, signal, onPiece }: WriteWeight,
): Promise<void> {
  for (let start = 0; start < ref.length; start += copyLength) {
    signal?.throwIfAborted();
    const length = Math.min(copyLength, ref.length - start);
    await writer.write(name, start, await reader.bytes(ref, start, length));
    onPiece(length);
  }
}

async function writeBlocks(planned: Quantized, write: WriteWeight): Promise<void> {
  const { name, matrix, bits, blockSize } = planned;
  const names = companionNames(name);
  const blocks = Math.ceil(matrix.columns / blockSize);
  for await (const { values, row } of rowsOf(planned, write)) {
    const { packed, scales, zeroPoints } = quantizeBlocks(values, matrix.columns, { bits, blockSize });
    await write.writer.write(name, (row * blocks * blockSize * bits) / 8, packed);
    await write.writer.write(names.scales, row * blocks * 4, bytesOf(scales));
    if (zeroPoints) await write.writer.write(names.zeroPoints, row * Math.ceil(blocks / 2), zeroPoints);
  }
}

/** WHY the whole matrix of bytes is kept in memory: it is stored transposed, so each row is spread over the whole tensor. */
async function writeChannels(planned: Quantized, write: WriteWeight): Promise<void> {
  const { name, matrix } = planned;
  const { rows, columns } = matrix;
  const turned = new Int8Array(rows * columns);
  for await (const { values, row } of rowsOf(planned, write)) {
    const { levels, scales } = quantizeChannels(values, columns);
    for (let i = 0; i < scales.length; i++) {
      for (let column = 0; column < columns; column++) {
        turned[column * rows + row + i] = levels[i * columns + column] ?? 0;
      }
    }
    await write.writer.write(companionNames(name).scales, row * 4, bytesOf(scales));
  }
  await write.writer.write(name, 0, bytesOf(turned));
}

interface Rows {
  /** f32 [rows, columns] */
  readonly values: Float32Array;
  /** Index of the first of these rows in the matrix. */
  readonly row: number;
}

/** Yields the rows of a matrix in groups. Other tasks run between two groups. */
async function* rowsOf(
  { ref, matrix, turned }: Quantized,
  { reader, signal, onPiece }: WriteWeight,
): AsyncGenerator<Rows> {
  const { rows, columns } = matrix;
  const all = turned ? await reader.floats(ref) : undefined;
  const count = Math.max(1, Math.floor(pieceLength / columns));
  for (let row = 0; row < rows; row += count) {
    signal?.throwIfAborted();
    const taken = Math.min(count, rows - row);
    const values = all
      ? turnedRows(all, { rows, columns, row, taken })
      : await reader.floats(ref, row * columns, taken * columns);
    yield { values, row };
    onPiece((ref.length / rows) * taken);
    await breathe();
  }
}

function turnedRows(
  all: Float32Array,
  { rows, columns, row, taken }: { rows: number; columns: number; row: number; taken: number },
): Float32Array {
  const values = new Float32Array(taken * columns);
  for (let i = 0; i < taken; i++) {
    for (let column = 0; column < columns; column++) values[i * columns + column] = all[column * rows + row + i] ?? 0;
  }
  return values;
}

function bytesOf(values: Float32Array | Int8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
