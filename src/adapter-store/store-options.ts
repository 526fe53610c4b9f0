import type { AdapterContents, CompanionFiles } from '../adapter-files/index.ts';
import type { Cause, Clock } from '../core/index.ts';
import type { Adapter } from '../lora/index.ts';
import type { Authority } from '../trust/index.ts';
import type { AppendedFile } from './audit/audit-log.ts';
import type { StoreFiles } from './files/store-files.ts';
import type { QuarantineBounds } from './quarantine/quarantine-bounds.ts';
import type { Timers } from './timers.ts';
import type { StoredVersion, VerifiedFacts } from './versions/stored-version.ts';

export interface StoreOptions {
  /** The folder of the store. It is created where it is missing. */
  readonly dir: string;
  /** Files beside the weights that belong to an adapter, such as those of its tokenizer. */
  readonly companions: CompanionFiles;
  /** Versions that are kept for each name, with the one that is served. Default: 10. */
  readonly keep?: number | undefined;
  /** How much of what was refused is kept. Default: all of it. */
  readonly quarantineKeep?: QuarantineBounds | undefined;
  /** Time without a change after which new files are taken. Default: 100 ms. */
  readonly quietMs?: number | undefined;
  /** Time between two looks at the whole store. Default: 5 s, and 1 s where the system does not tell of changes. */
  readonly scanMs?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
  readonly timers?: Timers | undefined;
  /** Changes of the disk. Tests let them fail, or stop the process at each. */
  readonly files?: StoreFiles | undefined;
  readonly openAudit?: ((path: string) => Promise<AppendedFile>) | undefined;
  /** Whether the system may tell of changes. Default: true. */
  readonly watch?: boolean | undefined;
}

/** A version that a name points to now. */
export interface Activation {
  readonly version: StoredVersion;
  readonly cause: Cause;
}

/** What a server does with the adapters of a store. */
export interface StoreUser<Read extends Adapter = Adapter> {
  /** What versions are verified against: everything of the base and the server that decides whether an adapter fits. */
  readonly context: string;
  /** Who must vouch for an adapter before it is opened. Default: nobody. */
  readonly authority?: Authority | undefined;
  /** Checks everything of an adapter that has come but its numbers, so that nothing large is read that cannot fit. */
  inspect(contents: AdapterContents): Promise<unknown>;
  /**
   * Checks the files of an adapter that has come against the base.
   * @param hasCompanions  whether other files than those of every adapter lie beside the weights
   */
  readContents(contents: AdapterContents, hasCompanions: boolean): Promise<Read>;
  /** The same of a version that lies in the store. */
  read(path: string, hasCompanions: boolean): Promise<Read>;
  /** Checks whatever else must be right before an adapter may answer. */
  verify(name: string, adapter: Read): Promise<VerifiedFacts>;
  /** The name points to the version. If this fails, the name goes back to the version before. */
  activated(name: string, activation: Activation): Promise<void>;
  /** The name is no longer served. */
  withdrawn(name: string, cause: Cause): Promise<void>;
  /** The name is there, and cannot be served. */
  failed(name: string, error: unknown): void;
  /** What becomes of a version that has come and was verified. Default: `activate`. */
  arrived?(name: string, version: StoredVersion): Promise<'activate' | 'keep'>;
  /** Whether something still uses a version that no name points to. It is then kept. */
  isInUse?(digest: string): boolean;
}
