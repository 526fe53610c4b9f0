import { EspalierError } from '../core/index.ts';
import { formatHubReference, type HubReference } from './reference.ts';
import type { HubSettings } from './hub-settings.ts';

/** What was requested, for the text of the error. */
export interface Asked {
  readonly reference: HubReference;
  readonly settings: HubSettings;
}

/**
 * Converts an unsuccessful response to an error. The hub names the reason in the header `X-Error-Code`. Other servers of the
 * same protocol may not send it; the status then decides.
 */
export async function errorOfResponse(response: Response, { reference, settings }: Asked): Promise<EspalierError> {
  const { name, revision } = reference;
  const { status } = response;
  const page = `${settings.endpoint}/${name}`;
  const code = response.headers.get('X-Error-Code') ?? '';
  const reason = await reasonOf(response);
  if (code === 'GatedRepo') return new EspalierError('HUB_GATED', { name, page });
  if (code === 'RevisionNotFound') return new EspalierError('HUB_REVISION_NOT_FOUND', { name, revision, page });
  const failed = new EspalierError('HUB_FAILED', { url: bareUrl(response.url), status, reason });
  // A storage server to which the hub redirects does not know models or tokens, so its status says nothing about them.
  if (new URL(response.url).origin !== new URL(settings.endpoint).origin) return failed;
  if (code === 'EntryNotFound') {
    return new EspalierError('HUB_FILE_NOT_FOUND', { name, file: response.url.split('/').slice(-1).join('') });
  }
  // Without a token the hub answers 401 for a model that does not exist, so that nobody learns which private models exist.
  if (code === 'RepoNotFound' || status === 404) {
    return new EspalierError('HUB_REPOSITORY_NOT_FOUND', { name, endpoint: settings.endpoint });
  }
  if (status === 401 || status === 403) {
    const token = settings.token === undefined ? 'asked without a token' : 'with the token that is set';
    const where = `${settings.endpoint}/settings/tokens`;
    return new EspalierError('HUB_UNAUTHORIZED', { name, status, token, page: where });
  }
  return failed;
}

/** @param cause  what `fetch` or the reading of a body threw */
export function unreachable(cause: unknown, { settings }: Asked): EspalierError {
  return new EspalierError('HUB_UNREACHABLE', { endpoint: settings.endpoint, reason: networkReason(cause) }, { cause });
}

export function offline({ reference, settings }: Asked): EspalierError {
  return new EspalierError('HUB_OFFLINE', { reference: formatHubReference(reference), cache: settings.cache });
}

async function reasonOf(response: Response): Promise<string> {
  const said = response.headers.get('X-Error-Message');
  const text = said ?? (await response.text().catch(() => ''));
  const line = text.replaceAll(/\s+/g, ' ').trim().slice(0, 200);
  return line === '' ? response.statusText || 'no reason given' : line;
}

/** The reason of a network failure. `fetch` puts it into the `cause` of its error. */
function networkReason(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(inner instanceof Error)) return String(inner);
  const code = 'code' in inner && typeof inner.code === 'string' ? inner.code : undefined;
  return inner.message === '' ? (code ?? inner.name) : inner.message;
}

/** WHY without its query: the query of a signed address grants access to the file. */
function bareUrl(url: string): string {
  return url.split('?')[0] ?? url;
}
