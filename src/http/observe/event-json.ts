import { type AdapterEvent, EspalierError, messageOf } from '../../core/index.ts';
import { actorFor, hideNames } from '../keys/hide-names.ts';
import type { KeyHolder } from '../keys/key-holder.ts';
import type { LoggedEvent } from './event-log.ts';

/** An event as the routes tell it. Times are in ISO 8601. */
export interface EventJson {
  readonly object: 'adapter.event';
  readonly id: string;
  readonly event: AdapterEvent['event'];
  readonly time: string;
  readonly by: string;
  readonly result: AdapterEvent['result'];
  readonly name: string | null;
  readonly version: string | null;
  readonly previous: string | null;
  readonly reason: string | null;
  readonly error: { readonly code: string | null; readonly message: string } | null;
  readonly duration_ms: number | null;
  readonly details: NonNullable<AdapterEvent['details']>;
}

/** Whether a reader may know of an event, or of its audit record. One that names no adapter belongs to versions of any name: only who sees all is told. */
export function seesEvent({ scope }: KeyHolder, { name }: Pick<AdapterEvent, 'name'>): boolean {
  return scope.isAll || (name !== undefined && scope.sees(name));
}

/** @param reader  the holder of the key to whom it is told */
export function eventJson({ id, event: told }: LoggedEvent, reader: KeyHolder): EventJson {
  const { event, time, actor, result, name, version, previous, reason, error, durationMs, details } = told;
  const by = actorFor(reader, actor);
  return {
    object: 'adapter.event',
    id,
    event,
    time: new Date(time).toISOString(),
    by,
    result,
    name: name ?? null,
    version: version ?? null,
    previous: previous ?? null,
    // WHY not that of another key: it may name what the reader may not see.
    reason: by === actor ? (reason ?? null) : null,
    error: error === undefined ? null : errorFor(reader, error),
    duration_ms: durationMs ?? null,
    details: details ?? {},
  };
}

function errorFor(reader: KeyHolder, error: unknown): NonNullable<EventJson['error']> {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
  // WHY: an error of the system names places on the disk.
  if (!reader.scope.isAll && !EspalierError.isInstance(error)) return { code, message: 'a problem on the server' };
  const told = hideNames(error, reader, () => []);
  return { code, message: messageOf(told) };
}
