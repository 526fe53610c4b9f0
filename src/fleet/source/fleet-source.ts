/** One state of a source. */
export interface SourceState {
  /** What names the state: the commit, or a hash of the manifest where there is none. */
  readonly commit: string;
  /** Who made the commit, when and why, as far as that is known. */
  readonly author?: string | undefined;
  readonly subject?: string | undefined;
  /** Unix time in milliseconds. */
  readonly time?: number | undefined;
}

/** Where a fleet is declared. */
export interface FleetSource {
  /** The source in words, without secrets. */
  readonly description: string;
  /**
   * Looks at what the source holds now.
   * @throws EspalierError FLEET_SOURCE_UNREACHABLE
   */
  look(signal: AbortSignal): Promise<SourceState>;
  /**
   * The text of the manifest of the state that was looked at last.
   * @throws EspalierError FLEET_SIGNATURE_INVALID, FLEET_INVALID, FLEET_SOURCE_UNREACHABLE
   */
  read(state: SourceState, signal: AbortSignal): Promise<string>;
  /**
   * The files at a path of that state, on the disk until the result is disposed.
   * @param staging  a folder on the disk of the store
   * @returns undefined if there are none
   */
  open(path: string, options: OpenOptions): Promise<OpenedPath | undefined>;
}

export interface OpenOptions {
  readonly state: SourceState;
  readonly staging: string;
  readonly signal: AbortSignal;
}

export interface OpenedPath extends AsyncDisposable {
  readonly path: string;
}
