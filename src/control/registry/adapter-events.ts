import { channel } from 'node:diagnostics_channel';

/** What is published on the channel `espalier:adapter`. */
export interface AdapterEvent {
  readonly event: 'load' | 'replace' | 'unload' | 'retire' | 'fail';
  /** Absent when a version retires: it has no name any more. */
  readonly name?: string;
  /** Absent when an adapter fails to be read: nothing is known of it. */
  readonly version?: string;
  /** The version that a replacement replaced. */
  readonly previous?: string;
  /** Why an adapter that was announced cannot be served. */
  readonly error?: unknown;
}

const events = channel('espalier:adapter');

export function publish(event: AdapterEvent): void {
  if (events.hasSubscribers) events.publish(event);
}
