import type { AdapterSource } from './adapter-source.ts';
import type { Served, VersionRecord } from './adapter-version.ts';

/** The state of a name. */
export type AliasState =
  /** The adapter was announced and has not been read yet. */
  | { readonly kind: 'pending' }
  | ({ readonly kind: 'serving' } & Served<VersionRecord>)
  /** The adapter was announced and cannot be served. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** A name under which requests ask for an adapter. */
export interface Alias {
  readonly name: string;
  readonly source: AdapterSource;
  /** Unix time in seconds at which it was last loaded. */
  readonly created: number;
  readonly state: AliasState;
}

/** A name as the registry lists it. */
export interface AdapterInfo {
  readonly name: string;
  readonly state: AliasState['kind'];
  /** SHA-256 of the adapter's content; undefined if it is unknown. */
  readonly version: string | undefined;
  readonly rank: number | undefined;
  readonly path: string;
  /** Unix time in seconds at which the name was last loaded. */
  readonly created: number;
  /** Why it cannot be served. */
  readonly error: unknown;
  /** Number of requests that use this version now, under any name. */
  readonly leases: number;
}

export function infoOf({ name, source, created, state }: Alias): AdapterInfo {
  const version = state.kind === 'serving' ? state.version : undefined;
  return {
    name,
    state: state.kind,
    version: version?.digest,
    rank: version?.rank,
    path: source.path,
    created,
    error: state.kind === 'failed' ? state.error : undefined,
    // WHY a getter: the list itself is cached until a name changes.
    get leases() {
      return version?.leases ?? 0;
    },
  };
}
