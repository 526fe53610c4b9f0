import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../core/index.ts';
import { byteLength, decodeTensor, toFloat32, type BytePlace } from '../tensor/index.ts';
import { dequantizeRows } from './quantized/dequantize-rows.ts';
import type { WeightRef } from './weight-ref.ts';

/**
 * Reads rows of a matrix of a checkpoint, floats or quantized in blocks.
 *
 * @param dir   the folder of the checkpoint
 * @param rows  their numbers, in any order; each lies in the matrix
 * @returns f32 [rows, columns]; undefined if the matrix is stored in another form
 * @throws EspalierError MODEL_WEIGHTS_MISMATCH if a file has become shorter
 */
export async function readWeightRows(
  dir: string,
  weight: WeightRef,
  rows: readonly number[],
): Promise<Float32Array | undefined> {
  const { quantized } = weight;
  if (quantized === undefined || quantized.kind === 'decoded') {
    const { dtype, shape } = weight;
    return toFloat32({ dtype, shape: [rows.length, ...shape.slice(1)], bytes: await bytesOf(dir, weight, rows) });
  }
  if (quantized.kind !== 'blocks') return undefined;
  const { scales, zeroPoints } = quantized;
  return dequantizeRows(quantized, {
    packed: await bytesOf(dir, weight, rows),
    scales: toFloat32({
      dtype: scales.dtype,
      shape: [rows.length, ...scales.shape.slice(1)],
      bytes: await bytesOf(dir, scales, rows),
    }),
    zeroPoints: zeroPoints && (await bytesOf(dir, zeroPoints, rows)),
  });
}

async function bytesOf(dir: string, weight: WeightRef, rows: readonly number[]): Promise<Uint8Array> {
  const length = byteLength(weight.dtype, weight.shape) / (weight.shape[0] ?? 1);
  const bytes = new Uint8Array(rows.length * length);
  await using file = await open(join(dir, weight.location));
  // WHY: thousands of neighbours are read at once.
  const isRun = rows.every((row, i) => row === (rows[0] ?? 0) + i);
  const starts = isRun ? rows.slice(0, 1) : rows;
  const { decoding } = weight;
  const read = async (place: BytePlace, into = new Uint8Array(place.length)): Promise<Uint8Array> => {
    await using other = place.location === weight.location ? undefined : await open(join(dir, place.location));
    if (await isRead(other ?? file, into, place.offset)) return into;
    throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir, problems: `${weight.location} has become shorter` });
  };
  for (const [i, row] of starts.entries()) {
    const part = isRun ? bytes : bytes.subarray(i * length, (i + 1) * length);
    const range = { start: row * length, length: part.length };
    if (decoding !== undefined) part.set(await decodeTensor({ ...weight, decoding }, read, range));
    else await read({ ...weight, offset: weight.offset + range.start }, part);
  }
  return bytes;
}

/** @returns false if the file ends before */
async function isRead(file: FileHandle, bytes: Uint8Array, position: number): Promise<boolean> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}
