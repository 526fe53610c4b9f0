import { EspalierError } from '../core/index.ts';
import type { Wait } from '../atomic-files/index.ts';
import { errorOfResponse, unreachable, type Asked } from './hub-errors.ts';

export interface HubFetchOptions extends Asked {
  readonly signal: AbortSignal | undefined;
  readonly wait: Wait;
}

/** Number of retries after a failure of the hub. */
const maxRetries = 4;
const retried: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * A `fetch` for the hub. It aborts with the caller's signal, sends the token to the hub's origin only, retries when the hub
 * is overloaded, and throws EspalierErrors. It is passed to `@huggingface/hub`, which supports neither signals nor tokens that
 * do not begin with hf_.
 *
 * @throws EspalierError HUB_*; the signal's reason when aborted
 */
export function createHubFetch(options: HubFetchOptions): typeof fetch {
  const { settings, signal, wait } = options;
  const home = new URL(settings.endpoint).origin;
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    headers.set('User-Agent', 'espalier');
    if (settings.token !== undefined && url.origin === home) headers.set('Authorization', `Bearer ${settings.token}`);
    for (let retry = 0; ; retry++) {
      signal?.throwIfAborted();
      const response = await send(url, { ...init, headers, signal: signal ?? null }, options);
      if (response.ok || response.status === 416) return response;
      if (!retried.has(response.status) || retry === maxRetries) throw await errorOfResponse(response, options);
      await response.body?.cancel();
      await wait(retryDelayMs(response, retry), signal);
    }
  };
}

async function send(url: URL, init: RequestInit, options: HubFetchOptions): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw EspalierError.isInstance(error) ? error : unreachable(error, options);
  }
}

/** The delay that the hub asks for, up to a minute; without one, half a second, doubled with each retry. */
function retryDelayMs(response: Response, retry: number): number {
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 60) * 1000 : 500 * 2 ** retry;
}
