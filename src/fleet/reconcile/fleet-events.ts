import { type AdapterEvent, publishAdapterEvent } from '../../core/index.ts';
import { fleetActor } from '../plan/live-fleet.ts';
import type { FleetRow } from '../plan/plan-fleet.ts';
import type { SourceState } from '../source/fleet-source.ts';
import { shortCommit } from './fleet-applier.ts';

/** What is told of a fleet. */
export type FleetStep =
  | 'applied'
  | 'refused'
  | 'drift'
  | 'restored'
  | 'paused'
  | 'resumed'
  | 'unreachable'
  | 'reachable';

interface Told {
  readonly commit?: string | undefined;
  readonly actor?: string;
  readonly reason?: string | undefined;
  readonly error?: unknown;
  readonly result?: AdapterEvent['result'];
  readonly details?: Readonly<Record<string, string | number>>;
}

/** Tells what happened to the fleet on the channel of adapters, and so in the audit record. */
export function tellFleet(step: FleetStep, { commit, details, actor = fleetActor, ...told }: Told): void {
  const named = commit === undefined ? {} : { commit: shortCommit(commit) };
  publishAdapterEvent({ event: 'fleet', actor, ...told, details: { step, ...named, ...details } });
}

/** What a state says of itself: why it was made, and by whom. */
export function reasonOf({ author, subject }: SourceState): string | undefined {
  const text = [subject, author].filter((part) => part !== undefined && part !== '').join(', by ');
  return text === '' ? undefined : text;
}

/** The rows that differ, on one line. */
export function driftText(rows: readonly FleetRow[]): string {
  const shown = rows.slice(0, 10).map(({ name, kind, note, live }) => {
    const by = live?.changed === undefined ? '' : ` (last changed by ${live.changed.by})`;
    return `${name}: ${note ?? kind}${by}`;
  });
  return [...shown, ...(rows.length > 10 ? [`and ${rows.length - 10} more`] : [])].join('; ');
}
