import { open, type FileHandle } from 'node:fs/promises';
import { EspalierError, nearest } from '../core/index.ts';
import { parseSafetensorsHeader, type SafetensorsEntry, type SafetensorsHeader } from './safetensors-header.ts';
import type { TensorData } from './tensor-data.ts';

/** A safetensors file whose header was read and found sound. It holds no open file. */
export interface SafetensorsFile extends SafetensorsHeader {
  readonly path: string;
  /** Size and time of the last change, to notice a file that is replaced between its header and its tensors. */
  readonly stamp: string;
}

export interface OpenSafetensorsOptions {
  /** The longest header that is read, in bytes. */
  readonly maxHeaderBytes?: number;
}

/** The limit that the format's own implementation has. */
const defaultMaxHeaderBytes = 100_000_000;
/** One read call takes at most 2 GiB on Linux; smaller reads share the disk and libuv's threads better. */
const bytesPerRead = 64 * 2 ** 20;

/**
 * Reads the header of a safetensors file and checks it whole; no tensor is read.
 *
 * @throws EspalierError FILE_NOT_FOUND; SAFETENSORS_*, one code for each kind of damage
 */
export function openSafetensors(path: string, options: OpenSafetensorsOptions = {}): Promise<SafetensorsFile> {
  return withFile(path, (handle) => readHeader(handle, path, options));
}

/**
 * Reads one tensor, and nothing else of the file.
 *
 * @throws EspalierError TENSOR_NOT_FOUND; SAFETENSORS_CHANGED when the file is no longer the one that was opened
 */
export async function readTensor(file: SafetensorsFile, name: string): Promise<TensorData> {
  const entry = entryOf(file, name);
  return withFile(file.path, async (handle) => {
    if ((await stampOf(handle, file.path)).stamp !== file.stamp) throw changed(file.path);
    return readEntryData(handle, entry, file.path);
  });
}

/** Reads a whole safetensors file. @throws as openSafetensors and readTensor */
export function loadSafetensors(
  path: string,
  options: OpenSafetensorsOptions = {},
): Promise<{ readonly metadata: Readonly<Record<string, string>>; readonly tensors: Map<string, TensorData> }> {
  return withFile(path, async (handle) => {
    const { metadata, entries } = await readHeader(handle, path, options);
    const tensors = new Map<string, TensorData>();
    for (const entry of entries.values()) tensors.set(entry.name, await readEntryData(handle, entry, path));
    return { metadata, tensors };
  });
}

async function readHeader(handle: FileHandle, path: string, options: OpenSafetensorsOptions): Promise<SafetensorsFile> {
  const { size, stamp } = await stampOf(handle, path);
  if (size < 8)
    throw new EspalierError('SAFETENSORS_TRUNCATED', {
      path,
      what: 'the length of the header',
      expected: 8,
      actual: size,
    });
  const announced = Buffer.from(await readRange(handle, 0, 8, path)).readBigUInt64LE();
  const limit = options.maxHeaderBytes ?? defaultMaxHeaderBytes;
  if (announced > BigInt(limit)) {
    throw new EspalierError('SAFETENSORS_HEADER_TOO_LARGE', { path, length: String(announced), limit });
  }
  const length = Number(announced);
  const dataStart = 8 + length;
  if (dataStart > size)
    throw new EspalierError('SAFETENSORS_TRUNCATED', { path, what: 'the header', expected: dataStart, actual: size });
  const bytes = await readRange(handle, 8, length, path);
  const header = await parseSafetensorsHeader(bytes, { path, dataStart, fileSize: size });
  return { path, stamp, ...header };
}

async function readEntryData(handle: FileHandle, entry: SafetensorsEntry, path: string): Promise<TensorData> {
  const bytes = await readRange(handle, entry.offset, entry.length, path);
  return { dtype: entry.dtype, shape: entry.shape, bytes };
}

/** Reads exactly these bytes. @throws EspalierError SAFETENSORS_CHANGED when the file has become shorter */
async function readRange(handle: FileHandle, offset: number, length: number, path: string): Promise<Uint8Array> {
  // WHY allocUnsafeSlow: memory of its own, not a slice of Node's shared pool, and no time spent on zeros.
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length;) {
    const count = Math.min(length - done, bytesPerRead);
    const { bytesRead } = await handle.read(bytes, done, count, offset + done);
    if (bytesRead === 0) throw changed(path);
    done += bytesRead;
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
}

async function withFile<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'readable safetensors file', path }, { cause });
  });
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function stampOf(handle: FileHandle, path: string): Promise<{ size: number; stamp: string }> {
  const stats = await handle.stat();
  if (!stats.isFile())
    throw new EspalierError('FILE_NOT_FOUND', { what: 'safetensors file, but something else,', path });
  return { size: stats.size, stamp: `${stats.ino}:${stats.size}:${stats.mtimeMs}` };
}

function entryOf(file: SafetensorsFile, name: string): SafetensorsEntry {
  const entry = file.entries.get(name);
  if (entry !== undefined) return entry;
  const near = nearest(name, file.entries.keys());
  const hint = near === undefined ? '' : ` Did you mean ${near}?`;
  throw new EspalierError('TENSOR_NOT_FOUND', { name, path: file.path, hint });
}

function changed(path: string): EspalierError {
  return new EspalierError('SAFETENSORS_CHANGED', { path });
}
