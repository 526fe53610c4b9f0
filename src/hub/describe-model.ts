import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { EspalierError } from '../core/index.ts';
import { downloadAll } from './download-all.ts';
import { createFolderStore } from './file-store.ts';
import { findCached } from './find-cached.ts';
import { offline } from './hub-errors.ts';
import { readHubSettings } from './hub-settings.ts';
import { listRepository } from './list-repository.ts';
import type { PullOptions } from './pull-model.ts';
import { readPart, type FilePart } from './read-part.ts';
import type { HubReference } from './reference.ts';

/** What a model on the hub says about itself, without its weights. */
export interface ModelDescription extends HubReference {
  readonly commit: string;
  /** Every file of the repository, with its size in bytes. */
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** The text of config.json; undefined if there is none. */
  readonly config: string | undefined;
  /** The text of the index of its shards; undefined if the weights are one file. */
  readonly index: string | undefined;
  /** The text of the list of modules of sentence-transformers; undefined if there is none. */
  readonly modules: string | undefined;
  /** The texts of the configurations of pooling, by their paths. */
  readonly pooling: ReadonlyMap<string, string>;
  /** Reads a part of a file. @throws EspalierError HUB_* */
  readonly readPart: (part: FilePart) => Promise<Uint8Array>;
}

const configName = 'config.json';
const indexName = 'model.safetensors.index.json';
const modulesName = 'modules.json';
const poolingName = /^[^/]*pooling[^/]*\/config\.json$/i;

/** WHY a limit: they are read into memory. The index of the largest models has a few megabytes. */
const maxBytes = 64 * 2 ** 20;

/**
 * Reads the listing, the configuration, the index of the weights and the files of sentence-transformers of a model on the hub. Nothing
 * is added to the cache.
 *
 * @returns the folder of the model instead, if the cache holds a complete copy
 * @throws EspalierError HUB_*; the signal's reason when aborted
 */
export async function describeModel(
  reference: HubReference,
  options: Pick<PullOptions, 'settings' | 'wait' | 'signal'> = {},
): Promise<ModelDescription | { readonly dir: string }> {
  const settings = options.settings ?? (await readHubSettings());
  const wait = options.wait ?? (async (ms, signal) => setTimeout(ms, undefined, { ...(signal && { signal }) }));
  const asking = { reference, settings, wait, signal: options.signal };
  const dir = await findCached(settings.cache, reference);
  if (dir !== undefined) return { dir };
  if (settings.offline) throw offline(asking);
  const repository = await listRepository(asking);
  const names: ReadonlySet<string> = new Set([configName, indexName, modulesName]);
  const wanted = repository.files.filter(({ path }) => names.has(path) || poolingName.test(path));
  const large = wanted.find(({ size }) => size > maxBytes);
  if (large !== undefined) {
    const reason = `${large.path} has ${large.size} bytes`;
    throw new EspalierError('HUB_RESPONSE_INVALID', { endpoint: settings.endpoint, name: reference.name, reason });
  }
  const folder = await mkdtemp(join(tmpdir(), 'espalier-describe-'));
  try {
    await downloadAll(wanted, { ...asking, repository, store: createFolderStore(folder), onBytes: () => undefined });
    const text = async (name: string): Promise<string | undefined> =>
      wanted.some(({ path }) => path === name) ? readFile(join(folder, name), 'utf8') : undefined;
    const files = repository.files.map(({ path, size }) => ({ path, size }));
    const { commit } = repository;
    const pooling = new Map<string, string>();
    for (const { path } of wanted) if (poolingName.test(path)) pooling.set(path, (await text(path)) ?? '');
    return {
      ...reference,
      commit,
      files,
      config: await text(configName),
      index: await text(indexName),
      modules: await text(modulesName),
      pooling,
      readPart: (part) => readPart(part, { ...asking, repository }),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
