import { type Cause, EspalierError } from '../../core/index.ts';
import type { AdapterSource } from './adapter-source.ts';
import type { Served, VersionRecord } from './adapter-version.ts';
import type { AliasHistory } from './alias-history.ts';
import type { LeaseCount } from './lease-count.ts';

/** The state of a name. */
export type AliasState =
  /** The adapter was announced and has not been read yet. */
  | { readonly kind: 'pending' }
  | ({ readonly kind: 'serving' } & Served<VersionRecord>)
  /** The adapter was announced and cannot be served. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** Why a name does not move. */
export interface Pin extends Cause {
  /** Unix time in milliseconds. */
  readonly time: number;
  /** Whether the weights of its version stay in host memory. */
  readonly keepsWeights: boolean;
}

/** A name under which requests ask for an adapter. */
export interface Alias {
  readonly name: string;
  readonly source: AdapterSource;
  /** Unix time in seconds at which it was last loaded. */
  readonly created: number;
  readonly state: AliasState;
  readonly history: AliasHistory;
  /** Whether the history has the moves of earlier processes too. */
  readonly hasEarlier: boolean;
  readonly pin: Pin | undefined;
  /** Whether it takes no new requests. */
  readonly isDraining: boolean;
  /** The requests that came under this name. */
  readonly use: LeaseCount;
}

/** A move of a name, as it is listed. */
export interface AdapterMove extends Cause {
  /** SHA-256 of the version to which the name was moved. */
  readonly version: string;
  /** Unix time in milliseconds. */
  readonly time: number;
}

/** A name as the registry lists it. */
export interface AdapterInfo {
  readonly name: string;
  readonly state: AliasState['kind'];
  /** SHA-256 of the adapter's content; undefined if it is unknown. */
  readonly version: string | undefined;
  readonly rank: number | undefined;
  /** Host memory that its weights take. */
  readonly bytes: number | undefined;
  /** The base on which it was trained, as its files name it, and the fingerprint of that base. */
  readonly base: string | undefined;
  readonly fingerprint: string | undefined;
  readonly path: string;
  /** Unix time in seconds at which the name was last loaded. */
  readonly created: number;
  /** Why it cannot be served. */
  readonly error: unknown;
  readonly pin: Pin | undefined;
  readonly isDraining: boolean;
  /** The moves of the name, the latest first. */
  readonly history: readonly AdapterMove[];
  /** Number of requests that use this version now, under any name. */
  readonly leases: number;
  /** Number of requests that came under this name and have not ended, whichever version they use. */
  readonly requests: number;
  /** Whether its weights are in host memory now. */
  readonly isResident: boolean;
}

/**
 * What a name points to.
 * @throws EspalierError ADAPTER_BEING_READ, or the error that was recorded for the name
 */
export function servedBy({ name, state }: Alias): Served<VersionRecord> {
  if (state.kind === 'failed') throw state.error;
  if (state.kind === 'pending') throw new EspalierError('ADAPTER_BEING_READ', { name });
  return state;
}

/** @param isResident  whether the weights of a version are in host memory now */
export function infoOf(alias: Alias, isResident: (digest: string) => boolean): AdapterInfo {
  const { name, source, created, state, pin, isDraining } = alias;
  const version = state.kind === 'serving' ? state.version : undefined;
  return {
    name,
    state: state.kind,
    version: version?.digest,
    rank: version?.rank,
    bytes: version?.bytes,
    base: version?.base,
    fingerprint: version?.fingerprint,
    path: source.path,
    created,
    error: state.kind === 'failed' ? state.error : undefined,
    pin,
    isDraining,
    get history() {
      return alias.history.map((move) => ({
        version: move.version.digest,
        time: move.time,
        actor: move.actor,
        reason: move.reason,
      }));
    },
    // WHY getters: the list itself is cached until a name changes.
    get leases() {
      return version?.leases ?? 0;
    },
    get requests() {
      return alias.use.count;
    },
    get isResident() {
      return version !== undefined && isResident(version.digest);
    },
  };
}
