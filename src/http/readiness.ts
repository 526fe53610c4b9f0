import type { DoorContext } from '../service/index.ts';

/** Why a server should get no requests now; every part is empty or false where it should. */
export interface Readiness {
  /** A file of the base or of a model was overwritten. */
  readonly isDamaged: boolean;
  /** The server is going to end, or ends. */
  readonly isEnding: boolean;
  /** Adapters that it was told to have before it is ready, and has not. */
  readonly missing: readonly string[];
}

export function readinessOf(door: DoorContext): Readiness {
  return {
    isDamaged: !door.isReady(),
    isEnding: door.isShuttingDown() || door.isLeaving?.() === true,
    missing: door.missingAdapters?.() ?? [],
  };
}

export function isReady(door: DoorContext): boolean {
  const { isDamaged, isEnding, missing } = readinessOf(door);
  return !isDamaged && !isEnding && missing.length === 0;
}

/** Names that must be served, and are not. What has only been announced may still turn out to be unusable. */
export function missingOf(
  required: readonly string[],
  listed: readonly { readonly name: string; readonly state: string }[],
): readonly string[] {
  if (required.length === 0) return [];
  const served = new Set(listed.filter(({ state }) => state === 'serving').map(({ name }) => name));
  return [...new Set(required)].filter((name) => !served.has(name));
}
