import { EspalierError } from '../../core/index.ts';
import type { AdoptedVersion } from '../registry/known-version.ts';
import type { VersionStore } from '../store/version-store.ts';
import { FakeFiles, knownOf } from './fake-arena.ts';

/** A version in a folder that never changes. */
export function storedVersion(digest: string): AdoptedVersion {
  const files = new FakeFiles(digest);
  return knownOf(files, { source: { path: digest, isImmutable: true, read: () => files.read() } });
}

/** A store in memory, which remembers where names point, and which can fail to. */
export class FakeStore implements VersionStore {
  readonly names = new Map<string, string>();
  readonly versions: Set<string>;
  failure: Error | undefined;
  history?: NonNullable<VersionStore['history']>;
  assertFree?: NonNullable<VersionStore['assertFree']>;
  isQuarantined?: NonNullable<VersionStore['isQuarantined']>;
  quarantine?: NonNullable<VersionStore['quarantine']>;
  clear?: NonNullable<VersionStore['clear']>;
  /** The folders that were put, by what was found in them. */
  put: VersionStore['put'];
  readonly staging: string;

  constructor(versions: readonly string[], { put = refuse, staging = '' }: Partial<VersionStore> = {}) {
    this.staging = staging;
    this.versions = new Set(versions);
    this.put = put;
  }

  find(digest: string): Promise<AdoptedVersion | undefined> {
    return Promise.resolve(this.versions.has(digest) ? storedVersion(digest) : undefined);
  }

  remember(name: string, digest: string | undefined): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    if (digest === undefined) this.names.delete(name);
    else this.names.set(name, digest);
    return Promise.resolve();
  }
}

function refuse(name: string): Promise<never> {
  return Promise.reject(new EspalierError('ADAPTERS_OFF', { name }));
}
