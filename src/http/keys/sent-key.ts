/** The headers in which a key is sent: as a bearer token, or alone as clients of Anthropic's API send it. */
export interface KeyHeaders {
  readonly authorization?: string | undefined;
  readonly 'x-api-key'?: string | readonly string[] | undefined;
}

/** The key of a request, or why it has none. */
export type SentKey =
  | { readonly kind: 'key'; readonly key: string }
  /** The header `authorization` is there and holds no bearer token. */
  | { readonly kind: 'no-bearer' }
  | { readonly kind: 'missing' };

/** Reads the key of a request. Where it has both headers, `authorization` counts. */
export function sentKey({ authorization, 'x-api-key': alone }: KeyHeaders): SentKey {
  if (authorization === undefined) {
    return typeof alone === 'string' && alone !== '' ? { kind: 'key', key: alone } : { kind: 'missing' };
  }
  const key = /^bearer +(.+)$/i.exec(authorization)?.[1];
  return key === undefined ? { kind: 'no-bearer' } : { kind: 'key', key };
}
