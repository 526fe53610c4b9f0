import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream } from 'node:stream/web';
import { EspalierError } from '../../core/index.ts';

/** The content of a file: whole, or in pieces as they come, as from a stream of Node or the web. */
export type FileContent = Uint8Array | string | AsyncIterable<Uint8Array | string> | ReadableStream<Uint8Array>;

export interface ReceiveOptions {
  /** Most bytes of all files together. Default: any number. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A file that was written. */
export interface ReceivedFile {
  readonly bytes: number;
  /** SHA-256 of its content, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Writes a file as it comes, one piece after the other: its producer waits while the disk is slow, and nothing is held whole. What was
 * written remains when this fails; the caller removes it. Nothing is written any more when the promise is settled.
 *
 * @throws EspalierError BODY_TOO_LARGE; the reason of the signal; the errors of the content and of the file system, such as a file that is
 *   there already
 */
export async function receiveFile(
  content: FileContent,
  path: string,
  { maxBytes = Infinity, signal }: ReceiveOptions = {},
): Promise<ReceivedFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  const counted = new Transform({
    transform(piece: Buffer, _encoding, done) {
      bytes += piece.byteLength;
      if (bytes > maxBytes) return done(new EspalierError('BODY_TOO_LARGE', { limit: maxBytes }));
      hash.update(piece);
      done(undefined, piece);
    },
  });
  signal?.throwIfAborted();
  const file = createWriteStream(path, { flags: 'wx' });
  const closed = new Promise<void>((resolve) => file.once('close', resolve));
  try {
    await pipeline(streamOf(content), counted, file, { signal });
  } finally {
    // WHY: one that is ended while it is being opened would make its file behind the back of a caller that removes everything.
    await closed;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** WHY no generator around it: one that waits for a piece cannot be ended. */
function streamOf(content: FileContent): Readable {
  if (content instanceof Readable) return content;
  if (content instanceof ReadableStream) return Readable.fromWeb(content);
  // Texts and bytes as one piece: `from` would take the characters and numbers one by one.
  const isWhole = typeof content === 'string' || content instanceof Uint8Array;
  return Readable.from(isWhole ? [typeof content === 'string' ? Buffer.from(content) : content] : content, {
    objectMode: false,
  });
}

const plainName = /^\w[\w.-]{0,127}$/;

/** Whether a file may have this name in the folder of an adapter that arrives: a name is no path. */
export function isPlainName(name: string): boolean {
  return plainName.test(name);
}

/**
 * Writes the files of an adapter to a folder, one after the other.
 *
 * @returns the path of the adapter: the folder, or the only file in it
 * @throws EspalierError ADAPTER_FILES_INVALID, and the errors of `receiveFile`
 */
export async function receiveFiles(
  files: Readonly<Record<string, FileContent>>,
  folder: string,
  { maxBytes = Infinity, signal }: ReceiveOptions = {},
): Promise<string> {
  const names = Object.keys(files);
  const strange = names.filter((name) => !isPlainName(name));
  if (names.length === 0) throw invalid('there are none');
  if (strange.length > 0)
    throw invalid(`${strange.map((name) => JSON.stringify(name)).join(', ')} is no name of a file`);
  let left = maxBytes;
  for (const [name, content] of Object.entries(files)) {
    const { bytes } = await receiveFile(content, join(folder, name), { maxBytes: left, signal });
    left -= bytes;
  }
  return adapterIn(folder, names);
}

/** A file that stands alone, but for its checksum and the signature of that, may be an adapter of another format than PEFT's. */
export function adapterIn(folder: string, files: readonly string[]): string {
  const [file = '', ...others] = files.filter((name) => !/\.(?:sha256|minisig|sig)$/.test(name));
  return others.length === 0 ? join(folder, file) : folder;
}

function invalid(problem: string): EspalierError {
  return new EspalierError('ADAPTER_FILES_INVALID', { problem });
}
