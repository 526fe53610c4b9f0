import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

/** What happened to an adapter. */
export type AdapterEventKind =
  /** A name begins to be served, points to another version, or is no longer served. */
  | 'load'
  | 'replace'
  | 'unload'
  /** A version has neither a name nor a request any more. */
  | 'retire'
  /** An adapter that was announced cannot be served. */
  | 'fail'
  /** The adapter's folder has a chat template or a tokenizer of its own, which requests for it use. */
  | 'template'
  /** A part of the adapter's files has no effect and was left out. The reason says which. */
  | 'note'
  /** An adapter that came into the store was checked, and was published, refused or put into quarantine. */
  | 'verify'
  | 'publish'
  | 'quarantine'
  /** What lay in quarantine was removed, because more is there than is kept. */
  | 'discard'
  /** A request has kept a version for too long, returned one that was overdue, or returned one twice. */
  | 'lease'
  /** The weights of a version entered host memory, or left it. */
  | 'resident'
  | 'release'
  /** A version is kept, or need not be kept any more. */
  | 'pin'
  | 'unpin'
  /** A name went back to an earlier version. */
  | 'rollback'
  /** A name or a version takes no new requests, or takes them again. */
  | 'drain'
  | 'resume'
  /** It was declared what answers for a name whose version fails. */
  | 'fallback'
  /** The breaker of a version changed its state. */
  | 'breaker'
  /** It began to be measured what a version differs from itself by, or it is known. */
  | 'noise'
  /** The roll-out of a version began, took a step, or ended. */
  | 'rollout'
  /** What is declared in Git was applied, was refused, or was put back. The details say which, and the commit. */
  | 'fleet'
  /** The policy of signatures was read again: the new one is in force, or the one from before stays in force. */
  | 'policy'
  /** What the store of adapters says of itself: how it watches, and whether its record can be written. */
  | 'store';

/** What is published on the channel `espalier:adapter`. */
export interface AdapterEvent {
  readonly event: AdapterEventKind;
  /** Unix time in milliseconds. */
  readonly time: number;
  /** Who caused it: a part of the server such as `store`, or the key of a caller as the log shows it. */
  readonly actor: string;
  readonly result: 'done' | 'refused' | 'failed';
  /** Absent when a version retires, because it no longer has a name, and when its breaker changes, whatever its names. */
  readonly name?: string;
  /** SHA-256 of the content. Absent when an adapter cannot be read, because its version is unknown. */
  readonly version?: string;
  /** The version that a replacement or a roll-back replaced. */
  readonly previous?: string;
  /** Why it was done, in words. */
  readonly reason?: string | undefined;
  /** Why it was refused or failed. */
  readonly error?: unknown;
  /** How long it took, in milliseconds, where that is known. */
  readonly durationMs?: number;
  /** Further facts of this kind of event, such as the step of a roll-out. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** Who changes an adapter, and why. */
export interface Cause {
  readonly actor: string;
  readonly reason?: string | undefined;
}

/** The cause of what the server does by itself. */
export const serverItself: Cause = { actor: 'server' };

/** The fields that every event has are filled in: the time of the call, the server itself as the cause, and success. */
export type NewAdapterEvent = Omit<AdapterEvent, 'time' | 'actor' | 'result'> &
  Partial<Pick<AdapterEvent, 'actor' | 'result'>>;

const name = 'espalier:adapter';
const events = channel(name);

export function publishAdapterEvent(event: NewAdapterEvent): void {
  if (!events.hasSubscribers) return;
  const result = event.error === undefined ? 'done' : 'failed';
  events.publish({ time: Date.now(), ...serverItself, result, ...event });
}

/** Calls `listener` for each event of the adapters of this process, until the result is disposed. */
export function onAdapterEvent(listener: (event: AdapterEvent) => void): Disposable {
  const hear = (message: unknown): void => listener(message as AdapterEvent);
  subscribe(name, hear);
  return { [Symbol.dispose]: () => void unsubscribe(name, hear) };
}
