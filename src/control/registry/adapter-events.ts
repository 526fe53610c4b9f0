import { channel } from 'node:diagnostics_channel';

/** What is published on the channel `espalier:adapter`. */
export interface AdapterEvent {
  readonly event: 'load' | 'replace' | 'unload' | 'retire' | 'fail';
  /** Absent when a version retires, because it no longer has a name. */
  readonly name?: string;
  /** Absent when an adapter cannot be read, because its version is unknown. */
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
