import type { FileHandle } from 'node:fs/promises';
import { writeAtomically } from '../atomic-files/index.ts';
import { byteLength } from './data-type.ts';
import {
  formatHeader,
  misfit,
  sortTensors,
  type TensorLayout,
  type WriteSafetensorsOptions,
} from './safetensors-writer.ts';

/** Writes parts of tensors, in any order. */
export interface PartWriter {
  /** @param offset  bytes from the beginning of the tensor; no byte may be written twice */
  write(name: string, offset: number, bytes: Uint8Array): Promise<void>;
}

/**
 * Like `writeSafetensors`, for tensors whose parts are produced in turns, such as a quantized matrix and its scales.
 *
 * @param fill  writes every byte of every tensor once
 * @throws EspalierError SAFETENSORS_NOT_WRITABLE, also if the bytes that were written are not as many as the shape takes
 */
export async function writeSafetensorsInParts(
  path: string,
  tensors: Iterable<readonly [string, TensorLayout]>,
  fill: (writer: PartWriter) => Promise<void>,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const sorted = sortTensors(path, [...tensors]);
  const header = formatHeader(sorted, options.metadata);
  await writeAtomically(path, async (handle) => {
    await writeAt(handle, header, 0);
    const places = new Map<string, Place>();
    let start = header.byteLength;
    for (const [name, layout] of sorted) {
      places.set(name, { name, ...layout, start, written: 0 });
      start += byteLength(layout.dtype, layout.shape);
    }
    await fill({ write: (name, offset, bytes) => writePart(handle, { place: places.get(name), path }, offset, bytes) });
    for (const place of places.values()) if (place.written !== size(place)) throw misfit(path, place, place.written);
  });
}

interface Place extends TensorLayout {
  readonly name: string;
  /** Byte offset in the file. */
  readonly start: number;
  written: number;
}

async function writePart(
  handle: FileHandle,
  { place, path }: { readonly place: Place | undefined; readonly path: string },
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  if (place === undefined) throw new TypeError(`${path} was to have no such tensor`);
  place.written += bytes.byteLength;
  if (offset + bytes.byteLength > size(place)) throw misfit(path, place, offset + bytes.byteLength);
  await writeAt(handle, bytes, place.start + offset);
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}

function size({ dtype, shape }: TensorLayout): number {
  return byteLength(dtype, shape);
}
