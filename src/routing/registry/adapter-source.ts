import type { Adapter } from '../../lora/index.ts';

/** A place from which an adapter can be read, and read again after its weights were dropped from memory. */
export interface AdapterSource {
  /** The path as the user gave it; empty for an adapter that was given in memory. */
  readonly path: string;
  /** Reads and checks the adapter. Its digest shows whether it is still the same one. */
  read(): Promise<Adapter>;
}

/** The source of an adapter that is in memory already. */
export function sourceOf(from: Adapter | AdapterSource): AdapterSource {
  return 'read' in from ? from : { path: '', read: () => Promise.resolve(from) };
}
