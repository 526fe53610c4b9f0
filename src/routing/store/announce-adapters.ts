import { inspectAdapter } from '../../adapter-files/index.ts';
import { EspalierError, option } from '../../core/index.ts';
import type { AdministrationOptions } from './adapter-administration.ts';
import { listAdapterFolders } from './adapters-folder.ts';
import { FileSource, type FileSourceOptions } from './file-source.ts';

/** Number of adapters that are inspected at once. */
const lookedAtOnce = 8;

/** How long a start waits for adapters to be read. The rest are read while the others are served. */
const patienceMs = 2000;

export interface Announced {
  /** Resolves when every adapter of the folder has been read once. Never rejects. */
  readonly settled: Promise<void>;
}

/**
 * Registers every adapter of the folder under its folder's name after inspecting its structure, and begins to read the weights. An
 * adapter that cannot be served is registered as failed; the others are not affected.
 *
 * @throws EspalierError REQUEST_INVALID if an adapter has the name of the base; FILE_NOT_FOUND if the folder does not exist
 */
export async function announceAdapters(options: AdministrationOptions): Promise<Announced> {
  const { folder, registry, baseName } = options;
  if (folder === undefined) return { settled: Promise.resolve() };
  const found = await listAdapterFolders(folder);
  if (found.some(({ name }) => name === baseName)) {
    const problem = `the folder ${baseName} has the name of the base`;
    throw new EspalierError('REQUEST_INVALID', { param: option('adapters'), problem });
  }
  for (let start = 0; start < found.length; start += lookedAtOnce) {
    const looks = found.slice(start, start + lookedAtOnce).map(async ({ name, path, problem: outside }) => {
      const source = new FileSource(path, { ...options, folder });
      const problem = outside ?? (await problemOf(path, { ...options, folder }));
      return { name, source, problem };
    });
    for (const { name, source, problem } of await Promise.all(looks)) {
      if (problem === undefined) registry.announce(name, source);
      else registry.fail(name, source, problem);
    }
  }
  const settled = registry.readAnnounced();
  await Promise.race([settled, after(patienceMs)]);
  return { settled };
}

/** The error because of which an adapter cannot be served, as far as its structure shows; undefined if there is none. */
async function problemOf(path: string, options: FileSourceOptions): Promise<unknown> {
  const { folder, linears, weights, fingerprint, embeddings, fileClock } = options;
  try {
    await inspectAdapter(path, linears, { within: folder, weights, fingerprint, embeddings, fileClock });
    return undefined;
  } catch (error) {
    return error;
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
