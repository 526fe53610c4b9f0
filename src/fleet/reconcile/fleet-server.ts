import type { Cause } from '../../core/index.ts';
import type { NameChange, RolloutOptions } from '../../routing/index.ts';
import type { DeclaredAlias } from '../manifest/fleet.ts';
import type { ServerFacts } from '../manifest/read-manifest.ts';
import type { LastChange, LiveName } from '../plan/live-fleet.ts';

/** What a server lets its fleet do. Each change follows the server's own rules. */
export interface FleetServer extends ServerFacts {
  /** The names as they are now. */
  names(): ReadonlyMap<string, LiveName>;
  /** The names of the keys of callers; undefined: there is no file of keys. */
  keyNames(): ReadonlySet<string> | undefined;
  isQuarantined(name: string, digest: string): Promise<boolean>;
  /** Whether the store holds a version that this server can serve. */
  holds(digest: string): Promise<boolean>;
  /** A folder on the disk of the store. */
  readonly staging: string;
  /** Verifies an adapter and keeps it in the store, without a name. */
  keep(name: string, path: string, cause: Cause): Promise<{ readonly digest: string }>;
  moveTogether(changes: readonly NameChange[], cause: Cause): Promise<void>;
  pin(name: string, keepsWeights: boolean, cause: Cause): Promise<void>;
  unpin(name: string, cause: Cause): Promise<void>;
  declareFallback(name: string, fallback: DeclaredAlias['fallback'], cause: Cause): Promise<void>;
  startRollout(name: string, candidate: string, options: StartedRollout): Promise<void>;
  abortRollout(name: string, cause: Cause): Promise<void>;
  /** Who took a name out of service last. */
  lastRemoval(name: string): Promise<LastChange | undefined>;
}

export interface StartedRollout {
  readonly rollout: RolloutOptions | undefined;
  /** Whether a quarantine of the candidate is taken back first. */
  readonly isAgain: boolean;
  readonly cause: Cause;
}
