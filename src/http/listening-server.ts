import type { FileContent } from '../routing/index.ts';
import type { GenerationRoom, MemoryShares } from '../service/index.ts';
import type { PublishedAdapter, PublishOptions } from './adapters/publish-files.ts';

/** A server that listens. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  /** The name of the base, for `model`; undefined if only models are served. */
  readonly baseName: string | undefined;
  readonly adapterNames: readonly string[];
  /** The adapters of the folder that cannot be served, with the reasons. */
  readonly failedAdapters: readonly { readonly name: string; readonly problem: string }[];
  /** What requests for text may take; undefined if no base generates text. */
  readonly room: GenerationRoom | undefined;
  /** What the keys and values, the adapters and the jobs may take; undefined if no base generates text. */
  readonly memory: MemoryShares | undefined;
  /** Names of the models under `/v2`. */
  readonly modelNames: readonly string[];
  /**
   * Verifies an adapter, keeps it in the store and points the name to it, as `POST /v1/adapters` does.
   * @param files  by their names, whole or as streams of Node or the web, which never lie in memory as a whole
   * @throws EspalierError ADAPTER_STORE_MISSING, ADAPTER_FILES_INVALID, BODY_TOO_LARGE, and why the adapter is refused. Nothing was changed
   *   then.
   */
  publish(
    name: string,
    files: Readonly<Record<string, FileContent>>,
    options?: PublishOptions,
  ): Promise<PublishedAdapter>;
  /** Refuses new requests, finishes running ones as far as they end in time, and then frees every handle. */
  close(): Promise<void>;
  /** Reads the file of keys again, at once. A file that cannot be used changes nothing. */
  reloadKeys(): Promise<void>;
}
