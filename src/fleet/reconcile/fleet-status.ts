import type { SourceState } from '../source/fleet-source.ts';
import type { FleetRow } from '../plan/plan-fleet.ts';
import type { FleetSnapshot, FleetState } from './fleet-record.ts';

/** A state of the source that was not taken. */
export interface Refused extends SourceState {
  readonly error: unknown;
  /** Unix time in milliseconds at which it was first refused. */
  readonly refusedAt: number;
}

/** How a fleet stands, in one word. */
export type FleetSync =
  /** Nothing was applied yet. */
  | 'none'
  /** What lives is what the newest state of the source says, but for what was rolled back by itself. */
  | 'synced'
  /** Something lives that is not declared, or the other way round. */
  | 'drifted'
  /** The newest state of the source is refused, and the one before serves. */
  | 'refused'
  /** Nothing is applied or put back until it is resumed. */
  | 'paused'
  /** The source cannot be reached, and what was applied last serves on. */
  | 'stale';

/** What Git says beside what lives. */
export interface FleetStatus {
  readonly sync: FleetSync;
  /** Where the fleet is declared; undefined: it is applied by hand. */
  readonly source: string | undefined;
  readonly applied: FleetSnapshot | undefined;
  /** The newest state of the source that was seen in this process. */
  readonly head: SourceState | undefined;
  readonly refused: Refused | undefined;
  readonly unreachable: { readonly error: unknown; readonly since: number } | undefined;
  /** How long the source has been looked at that is looked at now; undefined: it is not. A look that lasts may hang. */
  readonly lookingSeconds: number | undefined;
  readonly paused: FleetState['paused'];
  /** How long ago the source last said that what is applied is its state. */
  readonly ageSeconds: number | undefined;
  /** Why what was applied cannot be compared with what lives, such as another base. */
  readonly problem: unknown;
  readonly rows: readonly FleetRow[];
}

/** The kinds of rows that are as Git wants them, or that wait for Git. */
const settled: ReadonlySet<FleetRow['kind']> = new Set(['in_sync', 'progressing', 'rolled_back', 'unmanaged']);

/** Whether something lives that is not as declared. */
export function hasDrift(rows: readonly FleetRow[]): boolean {
  return rows.some(({ kind }) => !settled.has(kind));
}

/** The word for a state. The worse news comes first. */
export function syncOf(status: Omit<FleetStatus, 'sync'>): FleetSync {
  if (status.paused !== undefined) return 'paused';
  if (status.refused !== undefined) return 'refused';
  if (status.applied === undefined) return 'none';
  if (status.problem !== undefined || hasDrift(status.rows)) return 'drifted';
  return status.unreachable === undefined ? 'synced' : 'stale';
}
