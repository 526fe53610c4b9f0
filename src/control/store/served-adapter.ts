/** An adapter that is registered, as the routes tell of it. */
export interface ServedAdapter {
  readonly name: string;
  /** SHA-256 of its content, in hexadecimal; absent while it has not been read, and where it cannot be. */
  readonly version?: string;
  readonly path: string;
  /** Unix time in seconds of its loading. */
  readonly created: number;
  /** `pending` until its weights have been read once; `failed` where they cannot be served. */
  readonly state: 'pending' | 'serving' | 'failed';
  /** Why it cannot be served. */
  readonly problem?: string;
}

/** Loads, replaces and withdraws adapters while requests run. */
export interface AdapterAdministration {
  /** The same array until something changes. */
  list(): readonly ServedAdapter[];
  /** Reads, checks, then moves the name: what fails leaves the old version serving. */
  load(name: string, path: string, options: { readonly replace: boolean }): Promise<ServedAdapter>;
  unload(name: string): Promise<void>;
}
