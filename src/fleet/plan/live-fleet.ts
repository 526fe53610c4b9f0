import type { Fallback } from '../../routing/index.ts';

/** Who changed something last, and when. */
export interface LastChange {
  readonly by: string;
  readonly reason?: string | undefined;
  /** Unix time in milliseconds. */
  readonly time: number;
}

/** A roll-out of a name as it stands. */
export interface LiveRollout {
  readonly candidate: string;
  readonly phase: 'running' | 'paused' | 'promoted' | 'failed' | 'aborted';
  readonly reason: string | undefined;
  /** The share of the keys that the candidate has now. */
  readonly share: number;
  /** The share of its first step, and whether it is held there: the form of a canary. */
  readonly heldAt: number | undefined;
}

/** What a name is. */
export interface LiveName {
  readonly name: string;
  /** undefined: it cannot be served. */
  readonly version: string | undefined;
  readonly pin: { readonly by: string; readonly keepsWeights: boolean } | undefined;
  /** What was declared for this name. */
  readonly fallback: Fallback | undefined;
  readonly rollout: LiveRollout | undefined;
  readonly changed: LastChange | undefined;
}

/** A version that may not be used under a name, because it was rolled back there. */
export interface RolledBack {
  readonly name: string;
  readonly digest: string;
}

/** What lives on a server. */
export interface LiveFleet {
  readonly names: ReadonlyMap<string, LiveName>;
  /** The declared versions that are quarantined under their names. */
  readonly rolledBack: readonly RolledBack[];
}

/** For which id of its roll-out each digest of a name was last tried. */
export type Attempts = Readonly<Record<string, { readonly digest: string; readonly id?: string | undefined }>>;

/** The actor of all that the fleet does. */
export const fleetActor = 'fleet';
