import { EspalierError } from '../../core/index.ts';
import { fetchReason } from './fetch-reason.ts';
import { routeUrl } from './route-url.ts';

/** WHY bounded: a server that is asked because it is unwell may answer nothing. */
const timeoutMs = 10_000;

/** Most characters of an answer that are kept. */
const maxLength = 8 * 2 ** 20;

export interface ServerRead {
  readonly status: number;
  readonly text: string;
}

/**
 * Reads one route of a server.
 * @param path  such as `/health`
 * @throws EspalierError SERVER_UNREACHABLE; the signal's reason
 */
export async function readServer(
  { server, key, signal }: { readonly server: string; readonly key?: string | undefined; readonly signal: AbortSignal },
  path: string,
): Promise<ServerRead> {
  try {
    const answer = await fetch(routeUrl(server, path), {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      // WHY: the key is for this server, and a redirect may lead to another.
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return { status: answer.status, text: (await answer.text()).slice(0, maxLength) };
  } catch (error) {
    signal.throwIfAborted();
    throw new EspalierError('SERVER_UNREACHABLE', { server, reason: fetchReason(error) }, { cause: error });
  }
}
