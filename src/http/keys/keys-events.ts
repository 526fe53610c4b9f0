import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

/** What happened to a file of keys, or to the files of a certificate. */
export type KeysEvent =
  /** Its keys are in use. */
  | { readonly event: 'loaded'; readonly path: string; readonly count: number }
  /** It cannot be used. The keys from before stay in use. */
  | { readonly event: 'refused'; readonly path: string; readonly error: unknown }
  /** Others than its owner may read or write it. */
  | { readonly event: 'open'; readonly path: string; readonly mode: string }
  /** The certificate of TLS is in use for new connections. */
  | { readonly event: 'certificate'; readonly path: string; readonly validTo: Date }
  /** The new certificate cannot be used. The one from before stays in use. */
  | { readonly event: 'certificate-refused'; readonly path: string; readonly error: unknown };

const name = 'espalier:keys';
const events = channel(name);

export function publishKeysEvent(event: KeysEvent): void {
  events.publish(event);
}

/** Calls a function with every event, until it is disposed. */
export function onKeysEvent(listener: (event: KeysEvent) => void): Disposable {
  const heard = (message: unknown): void => listener(message as KeysEvent);
  subscribe(name, heard);
  return { [Symbol.dispose]: () => void unsubscribe(name, heard) };
}
