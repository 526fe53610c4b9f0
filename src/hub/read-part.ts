import { EspalierError } from '../core/index.ts';
import { createHubFetch, type HubFetchOptions } from './hub-fetch.ts';
import type { Repository } from './repository.ts';

/** A range of a file. */
export interface FilePart {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads a part of a file on the hub, without the rest of it. The bytes are not checked against the hash of the file.
 * @throws EspalierError HUB_*; HUB_RESPONSE_INVALID if the hub does not answer with this part; the signal's reason when aborted
 */
export async function readPart(
  { path, offset, length }: FilePart,
  options: HubFetchOptions & { readonly repository: Repository },
): Promise<Uint8Array> {
  const { repository, settings } = options;
  const place = path.split('/').map(encodeURIComponent).join('/');
  const url = `${settings.endpoint}/${repository.name}/resolve/${repository.commit}/${place}`;
  // WHY identity: a Range counts bytes of the encoded body, and these have to be the bytes of the file.
  const headers = { 'Accept-Encoding': 'identity', Range: `bytes=${offset}-${offset + length - 1}` };
  const response = await createHubFetch(options)(url, { headers });
  const start = Number(/^bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? Number.NaN);
  if (response.status !== 206 || start !== offset) {
    await response.body?.cancel();
    throw invalid(`it does not send a part of ${path}`);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > length) throw invalid(`it sends ${bytes.length} bytes of ${path}, asked for ${length}`);
  return bytes;

  function invalid(reason: string): EspalierError {
    return new EspalierError('HUB_RESPONSE_INVALID', { endpoint: settings.endpoint, name: repository.name, reason });
  }
}
