import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { graphPlaces } from '../core/index.ts';
import { cachedCommit, hasFile, snapshotFolder } from './cache-layout.ts';
import { compileGlob } from './glob.ts';
import type { HubReference } from './reference.ts';

/**
 * The folder of a model in the cache, or undefined if the cache does not contain everything that is needed. Copies that other
 * tools downloaded count too. Such a copy may be incomplete, so the files themselves are checked.
 *
 * @param include  patterns as for `wantedFiles`; at least one file must match
 */
export async function findCached(
  cache: string,
  reference: HubReference,
  include: readonly string[] = [],
): Promise<string | undefined> {
  const commit = await cachedCommit(cache, reference);
  if (commit === undefined) return undefined;
  const folder = snapshotFolder(cache, reference.name, commit);
  return (await isComplete(folder, include)) ? folder : undefined;
}

async function isComplete(folder: string, include: readonly string[]): Promise<boolean> {
  const found = await readdir(folder, { recursive: true }).catch(() => []);
  const paths = found.map((path) => path.replaceAll('\\', '/'));
  const described = paths.some((path) => /^(genai_|adapter_)?config\.json$/.test(path));
  const wanted = include.length > 0 ? include : ['./*.safetensors', ...graphPlaces.map((place) => `./${place}`)];
  const tests = wanted.map(compileGlob);
  const fits = (path: string): boolean => tests.some((test) => test(path) || test(`./${path}`));
  if ((include.length === 0 && !described) || !paths.some(fits)) return false;
  const shards = await Promise.all(paths.filter(isIndex).map((path) => shardsOf(join(folder, path))));
  const needed = new Set([...paths.filter(isFileName), ...shards.flat()]);
  const there = await Promise.all([...needed].map((path) => hasFile(join(folder, path))));
  return there.every(Boolean);
}

const isIndex = (path: string): boolean => path.endsWith('.safetensors.index.json') && !path.includes('/');
/** Names of files have an extension; names of folders have none. A link whose blob was deleted is found missing by `hasFile`. */
const isFileName = (path: string): boolean => /\.\w+$/.test(path) && !/^[^/]*_(Pooling|Dense)$/.test(path);

/** An index that cannot be read counts as complete; loading the model then reports the error. */
async function shardsOf(path: string): Promise<string[]> {
  try {
    const index: unknown = JSON.parse(await readFile(path, 'utf8'));
    const places: unknown = typeof index === 'object' && index !== null ? Reflect.get(index, 'weight_map') : {};
    return typeof places === 'object' && places !== null ? [...new Set(Object.values(places).map(String))] : [];
  } catch {
    return [];
  }
}
