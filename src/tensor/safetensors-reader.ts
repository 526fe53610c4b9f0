import { open, type FileHandle } from 'node:fs/promises';
import { EspalierError, didYouMean } from '../core/index.ts';
import { parseSafetensorsHeader, type SafetensorsEntry, type SafetensorsHeader } from './safetensors-header.ts';
import type { TensorData } from './tensor-data.ts';

/** A safetensors file with a valid header. The file is not kept open. */
export interface SafetensorsFile extends SafetensorsHeader {
  readonly path: string;
  /** Size and time of the last change. They reveal a file that was replaced after its header was read. */
  readonly stamp: string;
}

/** The tensors and the metadata of a safetensors file. */
export interface SafetensorsContent {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: Map<string, TensorData>;
}

export interface OpenSafetensorsOptions {
  /** The maximum length of the header in bytes. */
  readonly maxHeaderBytes?: number;
}

/** The limit of the format's own implementation. */
const defaultMaxHeaderBytes = 100_000_000;
/** Bytes of one read. A read returns at most 2 GiB on Linux. Smaller reads share the disk and libuv's threads better. */
const bytesPerRead = 64 * 2 ** 20;

/**
 * Opens a safetensors file: reads its header and checks it completely. No tensor is read.
 *
 * @throws EspalierError FILE_NOT_FOUND; SAFETENSORS_*, one code for each kind of damage
 */
export function openSafetensors(path: string, options: OpenSafetensorsOptions = {}): Promise<SafetensorsFile> {
  return withFile(path, async (handle) => {
    const source = await fileSource(handle, path);
    return { path, stamp: source.stamp, ...(await readSafetensorsHeader(source, options)) };
  });
}

/**
 * Reads the bytes of one tensor.
 *
 * @throws EspalierError TENSOR_NOT_FOUND; SAFETENSORS_CHANGED if the file was changed or replaced since it was opened
 */
export async function readTensor(file: SafetensorsFile, name: string): Promise<TensorData> {
  const entry = entryOf(file, name);
  return withFile(file.path, async (handle) => {
    const source = await fileSource(handle, file.path);
    if (source.stamp !== file.stamp) throw changed(file.path);
    return readEntry(source, entry);
  });
}

/** Reads a whole safetensors file. @throws the errors of `openSafetensors` and `readTensor` */
export function loadSafetensors(path: string, options: OpenSafetensorsOptions = {}): Promise<SafetensorsContent> {
  return withFile(path, async (handle) => readAll(await fileSource(handle, path), options));
}

/**
 * Parses the bytes of a whole safetensors file. The tensors are views of the bytes.
 *
 * @param path  the name of the file in errors
 */
export function parseSafetensors(
  bytes: Uint8Array,
  path: string,
  options: OpenSafetensorsOptions = {},
): Promise<SafetensorsContent> {
  const read = async (offset: number, length: number): Promise<Uint8Array> => bytes.subarray(offset, offset + length);
  return readAll({ path, size: bytes.byteLength, read }, options);
}

/** Bytes that can be read in parts: an open file, or a file in memory. */
export interface SafetensorsSource {
  readonly path: string;
  readonly size: number;
  /** Reads exactly this range. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/**
 * Reads the header of a safetensors file that the caller has opened, and checks it completely.
 *
 * @throws EspalierError SAFETENSORS_*, one code for each kind of damage
 */
export async function readSafetensorsHeader(
  source: SafetensorsSource,
  options: OpenSafetensorsOptions = {},
): Promise<SafetensorsHeader> {
  const { path, size } = source;
  const truncated = (what: string, expected: number): EspalierError =>
    new EspalierError('SAFETENSORS_TRUNCATED', { path, what, expected, actual: size });
  if (size < 8) throw truncated('the length of the header', 8);
  const announced = Buffer.from(await source.read(0, 8)).readBigUInt64LE();
  const limit = options.maxHeaderBytes ?? defaultMaxHeaderBytes;
  if (announced > BigInt(limit)) {
    throw new EspalierError('SAFETENSORS_HEADER_TOO_LARGE', { path, length: String(announced), limit });
  }
  const dataStart = 8 + Number(announced);
  if (dataStart > size) throw truncated('the header', dataStart);
  const bytes = await source.read(8, Number(announced));
  return parseSafetensorsHeader(bytes, { path, dataStart, fileSize: size });
}

async function readAll(source: SafetensorsSource, options: OpenSafetensorsOptions): Promise<SafetensorsContent> {
  const { metadata, entries } = await readSafetensorsHeader(source, options);
  const tensors = new Map<string, TensorData>();
  for (const entry of entries.values()) tensors.set(entry.name, await readEntry(source, entry));
  return { metadata, tensors };
}

async function readEntry(
  { read }: SafetensorsSource,
  { dtype, shape, offset, length }: SafetensorsEntry,
): Promise<TensorData> {
  return { dtype, shape, bytes: await read(offset, length) };
}

async function fileSource(handle: FileHandle, path: string): Promise<SafetensorsSource & { readonly stamp: string }> {
  const stats = await handle.stat();
  if (!stats.isFile()) {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'safetensors file, but something else,', path });
  }
  const read = (offset: number, length: number): Promise<Uint8Array> => readRange(handle, { offset, length, path });
  return { path, size: stats.size, stamp: `${stats.ino}:${stats.size}:${stats.mtimeMs}`, read };
}

/** @throws EspalierError SAFETENSORS_CHANGED if the file has become shorter */
async function readRange(
  handle: FileHandle,
  { offset, length, path }: { readonly offset: number; readonly length: number; readonly path: string },
): Promise<Uint8Array> {
  // WHY allocUnsafeSlow: the buffer must not be a slice of Node's shared pool, and need not be zeroed.
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

function entryOf(file: SafetensorsFile, name: string): SafetensorsEntry {
  const entry = file.entries.get(name);
  if (entry !== undefined) return entry;
  const hint = didYouMean(name, file.entries.keys());
  throw new EspalierError('TENSOR_NOT_FOUND', { name, path: file.path, hint });
}

function changed(path: string): EspalierError {
  return new EspalierError('SAFETENSORS_CHANGED', { path });
}
