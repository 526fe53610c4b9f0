import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

/** What is published on the channel `espalier:adapter`. */
export interface AdapterEvent {
  /** template: the adapter's folder has a chat template or a tokenizer of its own, which requests for it use. */
  readonly event: 'load' | 'replace' | 'unload' | 'retire' | 'fail' | 'template';
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

/** Publishes that requests for an adapter use the chat template or the tokenizer of its own folder. */
export function tellOwnTemplate(adapter: string): void {
  publish({ event: 'template', name: adapter });
}

/** Calls `listener` for each event of the adapters of this process, until the result is disposed. */
export function onAdapterEvent(listener: (event: AdapterEvent) => void): Disposable {
  const hear = (message: unknown): void => listener(message as AdapterEvent);
  subscribe(name, hear);
  return { [Symbol.dispose]: () => void unsubscribe(name, hear) };
}
