import type { ChangeOptions } from '../registry/change-options.ts';

/** A registered adapter, as the routes describe it. */
export interface ServedAdapter {
  readonly name: string;
  /** SHA-256 of its content, in hexadecimal. Absent until it has been read, and if it cannot be read. */
  readonly version?: string;
  readonly path: string;
  /** Unix time in seconds at which it was loaded. */
  readonly created: number;
  /** `pending` until its weights have been read once; `failed` if it cannot be served. */
  readonly state: 'pending' | 'serving' | 'failed';
  /** Why it cannot be served. */
  readonly problem?: string;
}

export interface LoadServed extends ChangeOptions {
  /** Whether the name may have an adapter already. */
  readonly replace: boolean;
  /** Takes an adapter that was trained on another base. */
  readonly anyBase?: boolean | undefined;
}

/** Loads, replaces and unloads adapters while requests run. */
export interface AdapterAdministration {
  /** The same array until something changes. */
  list(): readonly ServedAdapter[];
  /** Reads and checks the adapter, then moves the name. If it fails, the old version stays in use. */
  load(name: string, path: string, options: LoadServed): Promise<ServedAdapter>;
  unload(name: string, options?: ChangeOptions): Promise<void>;
}
