import { rm } from 'node:fs/promises';
import { EspalierError } from '../core/index.ts';
import { unreachable, type Asked } from './hub-errors.ts';
import type { Wait } from '../atomic-files/index.ts';
import { PartialFile } from './partial-file.ts';
import type { RepositoryFile } from './repository.ts';

export interface DownloadOptions extends Asked {
  readonly fetch: typeof fetch;
  readonly url: string;
  /** The path of the partial file. A download continues after the bytes that the file already has. */
  readonly path: string;
  readonly signal: AbortSignal | undefined;
  readonly wait: Wait;
  /** Called with the size of the partial file, including bytes of an earlier download. The size decreases when a download restarts. */
  readonly onBytes: (bytes: number) => void;
}

/** Number of broken connections without a single byte in between after which the download fails. */
const maxBarrenBreaks = 5;

/**
 * Downloads a file and checks its hash. When the connection breaks, the remaining bytes are requested with `Range`. A call
 * after an abort or an error continues in the same way.
 *
 * @throws EspalierError HUB_CHECKSUM_MISMATCH (the partial file is then removed), HUB_UNREACHABLE, HUB_FAILED; the signal's reason
 */
export async function downloadFile(file: RepositoryFile, options: DownloadOptions): Promise<void> {
  let found = await gather(file, options);
  if (found.digest !== file.digest.hex && found.resumed) {
    // The error may be in the bytes of an earlier download, so the file is downloaded once more from its beginning.
    await rm(options.path, { force: true });
    found = await gather(file, options);
  }
  if (found.digest === file.digest.hex) return;
  await rm(options.path, { force: true });
  const { kind, hex: expected } = file.digest;
  const details = { file: file.path, name: options.reference.name, actual: `${kind} ${found.digest}`, expected };
  throw new EspalierError('HUB_CHECKSUM_MISMATCH', details);
}

/** Downloads until the file is complete. Gives up after `maxBarrenBreaks` connections in a row that brought no byte. */
async function gather(file: RepositoryFile, options: DownloadOptions): Promise<{ digest: string; resumed: boolean }> {
  await using partial = await PartialFile.open(options.path, file, options.signal);
  const resumed = partial.bytes > 0;
  options.onBytes(partial.bytes);
  for (let barren = 0; !partial.isWhole;) {
    const before = partial.bytes;
    const broken = await receive(partial, options);
    if (partial.isWhole) break;
    barren = partial.bytes > before ? 0 : barren + 1;
    if (barren === maxBarrenBreaks) throw broken ?? unreachable(new Error('the connection ends too early'), options);
    await options.wait(250 * 2 ** barren, options.signal);
  }
  return { digest: await partial.finish(), resumed };
}

/** Reads from one connection. @returns the error that broke the connection, or undefined when the response ended normally */
async function receive(partial: PartialFile, options: DownloadOptions): Promise<EspalierError | undefined> {
  const { signal, onBytes } = options;
  const response = await request(partial, options).catch(onlyUnreachable);
  if (EspalierError.isInstance(response)) return response;
  const body = response.body?.getReader();
  for (;;) {
    const chunk = await body?.read().catch((error: unknown) => {
      signal?.throwIfAborted();
      return unreachable(error, options);
    });
    if (EspalierError.isInstance(chunk)) return chunk;
    if (chunk?.value === undefined) return undefined;
    await partial.append(chunk.value);
    onBytes(partial.bytes);
    if (partial.isWhole) await body?.cancel();
  }
}

/** Requests the remaining bytes. If the server does not answer with exactly these, the download restarts from the first byte. */
async function request(partial: PartialFile, { fetch, url }: DownloadOptions): Promise<Response> {
  // WHY identity: a Range counts bytes of the encoded body, and these have to be the bytes of the file.
  const headers = { 'Accept-Encoding': 'identity' };
  if (partial.bytes > 0) {
    const response = await fetch(url, { headers: { ...headers, Range: `bytes=${partial.bytes}-` } });
    if (response.status === 206 && startOf(response) === partial.bytes) return response;
    await partial.startAnew();
    if (response.status === 200) return response;
    await response.body?.cancel();
  }
  return fetch(url, { headers });
}

function startOf(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? Number.NaN);
}

function onlyUnreachable(error: unknown): EspalierError {
  if (EspalierError.isInstance(error) && error.code === 'HUB_UNREACHABLE') return error;
  throw error;
}
