import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

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

const name = 'espalier:adapter';
const events = channel(name);

export function publish(event: AdapterEvent): void {
  if (events.hasSubscribers) events.publish(event);
}

/** Calls `listener` for each adapter of this process that is found to be impossible to serve, until the result is disposed. */
export function onAdapterFailure(listener: (name: string, error: unknown) => void): Disposable {
  const hear = (message: unknown): void => {
    if (isFailure(message)) listener(message.name, message.error);
  };
  subscribe(name, hear);
  return { [Symbol.dispose]: () => void unsubscribe(name, hear) };
}

function isFailure(message: unknown): message is { readonly name: string; readonly error: unknown } {
  if (typeof message !== 'object' || message === null) return false;
  return Reflect.get(message, 'event') === 'fail' && typeof Reflect.get(message, 'name') === 'string';
}
