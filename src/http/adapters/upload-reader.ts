import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { isPlainName, receiveFile, type ReceivedFile } from '../../routing/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { Timers } from '../door/timers.ts';

/** Files of an upload in a folder of their own, until it is disposed. */
export interface Upload extends AsyncDisposable {
  readonly folder: string;
  /** The names of the files. */
  readonly files: readonly string[];
  /** The name that the client gave the file, where there may be one only. */
  readonly givenName: string | undefined;
  readonly fields: ReadonlyMap<string, string>;
  /** SHA-256 of all files with their names. */
  readonly digest: string;
}

export interface UploadReaderOptions {
  readonly timers: Timers;
  /** Most bytes of an upload. */
  readonly maxBytes: number;
  /** Most uploads that arrive at once. Default: 4. */
  readonly maxUploads?: number | undefined;
  /** The name under which the one file of an upload is kept. It may then have any name, and is the only one. Default: files have their names. */
  readonly storedName?: string | undefined;
}

/** The largest PEFT folders have about ten files. */
const limits = { files: 32, fields: 8, fieldSize: 1024, fieldNameSize: 64, headerPairs: 32, headerSize: 8192 };

/** Time for every upload, plus one second per half megabyte, as for other bodies. */
const leastMs = 30_000;
const bytesPerMs = 512;

/**
 * Reads uploads in parts. The files go to the disk as they arrive, and never into memory as a whole. An upload that is too large, too
 * slow or broken leaves nothing behind.
 */
export class UploadReader {
  readonly #options: UploadReaderOptions;
  readonly #arriving = new Set<AbortController>();

  constructor(options: UploadReaderOptions) {
    this.#options = options;
  }

  /**
   * @param staging  folder in which the folder of the upload is made
   * @throws EspalierError REQUEST_INVALID, BODY_TOO_LARGE, REQUEST_TIMEOUT, UPLOADS_BUSY, or the reason of `endAll`
   */
  async read(request: Pick<IncomingMessage, 'headers'> & Readable, staging: string): Promise<Upload> {
    const { maxBytes, maxUploads = 4, timers, storedName } = this.#options;
    const announced = Number(request.headers['content-length'] ?? maxBytes);
    if (announced > maxBytes) throw new EspalierError('BODY_TOO_LARGE', { limit: maxBytes });
    if (this.#arriving.size >= maxUploads) throw new EspalierError('UPLOADS_BUSY', { limit: maxUploads });
    const controller = new AbortController();
    setMaxListeners(2 * limits.files, controller.signal);
    this.#arriving.add(controller);
    const ms = leastMs + announced / bytesPerMs;
    const cancel = timers.after(ms, () => controller.abort(late(ms)));
    try {
      return await readParts(request, { staging, maxBytes, controller, storedName });
    } finally {
      cancel();
      this.#arriving.delete(controller);
    }
  }

  /** Ends every upload that still arrives. */
  endAll(reason: EspalierError): void {
    for (const controller of this.#arriving) controller.abort(reason);
  }
}

interface Reading {
  readonly staging: string;
  readonly maxBytes: number;
  readonly storedName: string | undefined;
  /** Ends everything with its reason. */
  readonly controller: AbortController;
}

async function readParts(
  request: Pick<IncomingMessage, 'headers'> & Readable,
  { staging, maxBytes, controller, storedName }: Reading,
): Promise<Upload> {
  const parts = openParts(request.headers);
  const folder = await mkdtemp(join(staging, 'upload-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const { signal } = controller;
  const fail = (error: unknown): void => controller.abort(error);
  const fields = new Map<string, string>();
  const files = new Map<string, Promise<ReceivedFile>>();
  let givenName: string | undefined;
  parts.on('file', (_field, file, given: string | undefined) => {
    if (signal.aborted) return void file.resume();
    const name = storedName ?? given;
    const problem = storedName === undefined ? fileProblem(given, files) : oneFileProblem(given, files);
    givenName = given;
    if (name === undefined || problem !== undefined) {
      fail(invalid(problem ?? 'a file has no name'));
      file.resume();
      return;
    }
    const written = receiveFile(file, join(folder, name), { signal });
    written.catch(fail);
    files.set(name, written);
  });
  parts.on('field', (name, value, isNameCut, isValueCut) => {
    if (isNameCut || isValueCut || fields.has(name)) fail(invalid(`the field ${name} is too long, or there twice`));
    fields.set(name, value);
  });
  for (const event of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) {
    parts.on(event, () => fail(invalid(`it has more than ${limits.files} files or ${limits.fields} fields`)));
  }
  const counted = counter(maxBytes);
  const onClose = (): void => fail(invalid('it ended before it was complete'));
  const onEnd = (): void => void request.off('close', onClose);
  request.once('end', onEnd).once('close', onClose).once('error', onClose);
  try {
    // WHY no pipeline from the request: it would destroy the connection, and with it the answer that says what is wrong.
    request.pipe(counted);
    await pipeline(counted, parts, { signal });
    signal.throwIfAborted();
    const digest = await digestOf(files);
    return { folder, files: [...files.keys()], givenName, fields, digest, [Symbol.asyncDispose]: remove };
  } catch (error) {
    fail(error);
    request.unpipe(counted);
    await Promise.allSettled(files.values());
    await remove();
    throw wordsOf(signal.reason ?? error);
  } finally {
    // WHY the error is heard further on: nothing else handles it, and it must not end the process.
    request.off('end', onEnd).off('close', onClose);
  }
}

/** @throws EspalierError REQUEST_INVALID */
function openParts(headers: IncomingHttpHeaders): BusboyInstance {
  try {
    return new Busboy({ headers: { ...headers, 'content-type': headers['content-type'] ?? '' }, limits });
  } catch (error) {
    throw wordsOf(error);
  }
}

/** Files lie side by side: a name is no path. */
function fileProblem(name: string | undefined, files: ReadonlyMap<string, unknown>): string | undefined {
  if (name === undefined || !isPlainName(name)) {
    return 'the names of files have letters, digits, "_", "-" and ".", at most 128, and begin with one of the first three';
  }
  return files.has(name) ? `the file ${name} is there twice` : undefined;
}

/** The name is told and never used as one. */
function oneFileProblem(given: string | undefined, files: ReadonlyMap<string, unknown>): string | undefined {
  if (files.size > 0) return 'one file is taken at a time';
  return given === undefined || given === '' || given.length > 255 || /\p{Cc}/u.test(given)
    ? 'the file needs a name of at most 255 characters, without control characters'
    : undefined;
}

function counter(limit: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.byteLength;
      if (bytes > limit) done(new EspalierError('BODY_TOO_LARGE', { limit }));
      else done(undefined, chunk);
    },
  });
}

async function digestOf(files: ReadonlyMap<string, Promise<ReceivedFile>>): Promise<string> {
  const whole = createHash('sha256');
  for (const name of [...files.keys()].toSorted()) {
    whole.update(JSON.stringify([name, (await files.get(name))?.sha256]));
  }
  return whole.digest('hex');
}

/** Errors of the parser and of the connection are faults of the request. */
function wordsOf(error: unknown): unknown {
  if (EspalierError.isInstance(error)) return error;
  const isOfDisk = error instanceof Error && 'syscall' in error && 'path' in error;
  if (isOfDisk || !(error instanceof Error)) return error;
  return new EspalierError(
    'REQUEST_INVALID',
    { param: 'body', problem: error.message.slice(0, 200) },
    { cause: error },
  );
}

function invalid(problem: string): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param: 'body', problem });
}

function late(ms: number): EspalierError {
  return new EspalierError('REQUEST_TIMEOUT', { what: 'body', within: `${Math.round(ms / 1000)} seconds` });
}
