import { mkdir } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { EspalierError } from '../core/index.ts';
import type { Wait } from '../atomic-files/index.ts';
import { writeRef } from './cache-layout.ts';
import { asDiskError, assertRoom } from './disk-room.ts';
import { downloadAll } from './download-all.ts';
import { createCacheStore, createFolderStore } from './file-store.ts';
import { findCached } from './find-cached.ts';
import { offline } from './hub-errors.ts';
import type { HubFetchOptions } from './hub-fetch.ts';
import { readHubSettings, type HubSettings } from './hub-settings.ts';
import { listRepository } from './list-repository.ts';
import type { HubReference } from './reference.ts';
import type { Repository, RepositoryFile } from './repository.ts';
import { wantedFiles } from './wanted-files.ts';

/** What happens while a model is pulled. */
export type PullEvent =
  | { readonly kind: 'planned'; readonly commit: string; readonly files: number; readonly missingBytes: number }
  | { readonly kind: 'received'; readonly doneBytes: number; readonly file: string }
  | { readonly kind: 'cache-used'; readonly dir: string; readonly reason: string };

export interface PullOptions {
  /** Patterns of the weights to download instead of the safetensors files. Configuration and tokenizer are always downloaded. */
  readonly include?: readonly string[];
  /** Writes plain files to this folder instead of links in the cache. */
  readonly dir?: string;
  /** Uses the copy in the cache, if there is one, without asking the hub for a newer version. */
  readonly preferCache?: boolean;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: PullEvent) => void;
  /** Default: read from the environment variables. */
  readonly settings?: HubSettings;
  readonly wait?: Wait;
}

export interface PulledModel extends HubReference {
  readonly dir: string;
  /** undefined if the hub was not asked. */
  readonly commit: string | undefined;
  /** Number of files of the model; `bytes` is their total size. Both are 0 if the hub was not asked. */
  readonly files: number;
  readonly bytes: number;
  /** Bytes of the files that were not stored yet. */
  readonly downloadedBytes: number;
}

/**
 * Downloads a model from the hub to the cache or to a folder: its configuration, its tokenizer and its weights. Every file is checked
 * against the hub's listing and appears whole or not at all. Files that exist are not downloaded again. An interrupted download
 * continues where it stopped. When the hub cannot be reached, a complete copy in the cache is used and an event reports it.
 *
 * @throws EspalierError HUB_*; the signal's reason when aborted
 */
export async function pullModel(reference: HubReference, options: PullOptions = {}): Promise<PulledModel> {
  const settings = options.settings ?? (await readHubSettings());
  const pull: Pull = { ...options, reference, settings, wait: options.wait ?? waitFor, signal: options.signal };
  const cached = options.dir === undefined ? await findCached(settings.cache, reference, options.include) : undefined;
  if (cached !== undefined && (settings.offline || options.preferCache === true)) {
    return fromCache(cached, pull, settings.offline ? 'HF_HUB_OFFLINE is set' : undefined);
  }
  if (settings.offline) throw offline(pull);
  try {
    return await download(await listRepository(pull), pull);
  } catch (error) {
    const unreached = EspalierError.isInstance(error) && error.code === 'HUB_UNREACHABLE';
    if (cached === undefined || !unreached) throw error;
    return fromCache(cached, pull, error.message);
  }
}

interface Pull extends HubFetchOptions, Omit<PullOptions, 'signal' | 'settings' | 'wait'> {}

const waitFor: Wait = async (ms, signal) => {
  await setTimeout(ms, undefined, { ...(signal && { signal }) });
};

/** @param reason  why the hub was not asked; undefined if the user need not be told */
function fromCache(dir: string, { reference, onEvent }: Pull, reason: string | undefined): PulledModel {
  if (reason !== undefined) onEvent?.({ kind: 'cache-used', dir, reason });
  return { ...reference, dir, commit: undefined, files: 0, bytes: 0, downloadedBytes: 0 };
}

async function download(repository: Repository, pull: Pull): Promise<PulledModel> {
  const { reference, settings, onEvent, signal, dir } = pull;
  const files = wantedFiles(repository, pull.include);
  const store = dir === undefined ? createCacheStore(settings.cache, repository) : createFolderStore(dir);
  const missing: RepositoryFile[] = [];
  for (const file of files) if (!(await store.has(file, signal))) missing.push(file);
  const missingBytes = totalSize(missing);
  onEvent?.({ kind: 'planned', commit: repository.commit, files: files.length, missingBytes });
  const room = { name: reference.name, folder: store.folder, bytes: missingBytes };
  const onBytes = (doneBytes: number, file: string): void => onEvent?.({ kind: 'received', doneBytes, file });
  try {
    await mkdir(store.folder, { recursive: true });
    await assertRoom(room);
    await downloadAll(missing, { ...pull, repository, store, onBytes });
    for (const file of files) await store.place(file);
  } catch (error) {
    throw asDiskError(error, room);
  }
  // WHY last: a reader that follows the ref must find a complete snapshot.
  if (dir === undefined) await writeRef(settings.cache, reference, repository.commit);
  const { commit } = repository;
  return {
    ...reference,
    dir: store.dir,
    commit,
    files: files.length,
    bytes: totalSize(files),
    downloadedBytes: missingBytes,
  };
}

function totalSize(files: readonly RepositoryFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
