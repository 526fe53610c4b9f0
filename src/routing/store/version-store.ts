import type { Pin } from '../registry/alias.ts';
import type { ChangeOptions } from '../registry/change-options.ts';
import type { AdoptedVersion, EarlierMove } from '../registry/known-version.ts';

/** A store of verified versions. It remembers where each name points, so that a server that starts again serves the same. */
export interface VersionStore {
  /** A folder on its disk for files on their way to it. What is left in it is removed when the store is opened. */
  readonly staging: string;
  /**
   * Takes over an adapter's files, verifies them and keeps them. No name is moved.
   * @param name  the name for which it came, for messages
   * @param path  a folder, or one file
   * @throws EspalierError why the adapter is refused. Nothing was kept then.
   */
  put(name: string, path: string, options: ChangeOptions): Promise<{ readonly digest: string }>;
  /** The moves of a name that earlier processes made, the latest first. Default: none are known. */
  history?(name: string): Promise<readonly EarlierMove[]>;
  /** @returns undefined if the store does not hold the version */
  find(digest: string): Promise<AdoptedVersion | undefined>;
  /**
   * Checks that a name may be pointed to a version. Default: every version may be used.
   * @throws EspalierError ADAPTER_QUARANTINED
   */
  assertFree?(name: string, digest: string): Promise<void>;
  /**
   * The part of `assertFree` that a policy of signatures decides. Default: every version may be used.
   * @throws EspalierError ADAPTER_REVOKED, and why nobody who may do so vouches for it
   */
  assertVouched?(name: string, digest: string): Promise<void>;
  /** Asks again of every name whether it may be served as it is, because the policy has changed. */
  admitAgain?(): Promise<void>;
  /** Whether a version is in quarantine under a name. Default: none is. */
  isQuarantined?(name: string, digest: string): Promise<boolean>;
  /** Remembers that a name is pinned, or with undefined that it is not. */
  rememberPin?(name: string, pin: Omit<Pin, 'time'> | undefined): Promise<void>;
  /** Keeps a name from being pointed to a version until a person clears it. Does nothing the second time. */
  quarantine?(name: string, digest: string, reason: string): Promise<void>;
  /** Takes a quarantine back. */
  clear?(name: string, digest: string): Promise<void>;
  /** Remembers that a name points to a version, or with undefined that it is gone. */
  remember(name: string, digest: string | undefined, options: ChangeOptions): Promise<void>;
}
