/** An adapter that is served, as the routes tell of it. */
export interface ServedAdapter {
  readonly name: string;
  /** Content id (SHA-256, hexadecimal). */
  readonly version: string;
  readonly path: string;
  /** Unix time in seconds of its loading. */
  readonly created: number;
}

/** Loads, replaces and withdraws adapters while requests run. */
export interface AdapterAdministration {
  list(): readonly ServedAdapter[];
  /** Reads, checks, then activates: what fails leaves the old version serving. */
  load(name: string, path: string, options: { readonly replace: boolean }): Promise<ServedAdapter>;
  unload(name: string): Promise<void>;
}
