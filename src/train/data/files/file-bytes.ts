import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { EspalierError } from '../../../core/index.ts';
import { formatBytes } from '../../../atomic-files/index.ts';
import { invalidFile } from './split-rows.ts';

/** @throws EspalierError FILE_NOT_FOUND */
export async function openBytes(path: string): Promise<FileHandle> {
  return open(path, 'r').catch((cause: unknown) => {
    throw notFound(path, cause);
  });
}

const chunkBytes = 64 * 1024;

/**
 * Reads a file from its beginning. Each chunk has memory of its own. WHY not a stream of the handle: the end of one such stream may end
 * the next one of the same handle.
 *
 * @throws EspalierError FILE_NOT_FOUND, as for a folder
 */
export async function* readBytes(handle: FileHandle, path: string): AsyncGenerator<Uint8Array> {
  for (let position = 0; ;) {
    const { buffer, bytesRead } = await handle
      .read(new Uint8Array(chunkBytes), 0, chunkBytes, position)
      .catch((cause: unknown) => {
        throw notFound(path, cause);
      });
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

export function notFound(path: string, cause: unknown): EspalierError {
  return new EspalierError('FILE_NOT_FOUND', { what: 'file of training data', path }, { cause });
}

/**
 * Most bytes that one byte of gzip may become, and what any file may become. WHY: a file of gzip can become a thousand times as large,
 * and rows become a tenth at best.
 */
const expansion = { ratio: 200, least: 64 * 2 ** 20 };

export interface GunzipOptions {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly limits?: typeof expansion;
}

/** @throws EspalierError DATA_FILE_INVALID for what is no gzip, is cut off, or becomes far larger than rows do */
export async function* gunzip(
  chunks: AsyncIterable<Uint8Array>,
  { path, size, limits = expansion }: GunzipOptions,
): AsyncGenerator<Uint8Array> {
  const most = Math.max(limits.least, limits.ratio * size);
  const stream = createGunzip();
  const feeding = pipeline(Readable.from(chunks), stream).catch((error: unknown) => error);
  let total = 0;
  try {
    for await (const chunk of stream) {
      if (!(chunk instanceof Uint8Array)) continue;
      total += chunk.length;
      if (total > most)
        throw invalidFile(path, `its ${formatBytes(size)} of gzip become more than ${formatBytes(most)}`);
      yield chunk;
    }
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || !String(cause.code).startsWith('Z_')) throw cause;
    throw invalidFile(path, `it is not whole gzip (${cause.message})`, cause);
  } finally {
    stream.destroy();
    await feeding;
  }
}
