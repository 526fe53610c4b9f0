import type { Adapter } from '../../lora/index.ts';

/** Where an adapter is read from, and can be read from again after its weights were dropped from memory. */
export interface AdapterSource {
  /** As people know it; empty for an adapter that was given in memory. */
  readonly path: string;
  /** Reads and checks the adapter. Its digest tells whether it is still the same one. */
  read(): Promise<Adapter>;
}

/** The source of an adapter that is in memory already. */
export function sourceOf(from: Adapter | AdapterSource): AdapterSource {
  return 'read' in from ? from : { path: '', read: () => Promise.resolve(from) };
}
