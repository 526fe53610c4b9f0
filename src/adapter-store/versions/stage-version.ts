import { createHash } from 'node:crypto';
import { basename, dirname, extname, join } from 'node:path';
import { peftFiles, type AdapterFiles } from '../../adapter-files/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import type { StoreFiles } from '../files/store-files.ts';
import { hashFile, type Checksums } from '../incoming/checksums.ts';
import { filesOf } from '../incoming/look-at-entry.ts';
import type { StoreUser } from '../store-options.ts';
import { factsFile, formatFacts, type StoredVersion } from './stored-version.ts';

/** A verified version that is complete on the disk, and not yet in its place. */
export interface StagedVersion {
  readonly folder: string;
  readonly version: StoredVersion;
}

export interface Staging<Read extends Adapter> {
  /** A path for the new folder. */
  readonly folder: string;
  /** The name under which the adapter came. */
  readonly name: string;
  readonly checksums: Checksums | undefined;
  readonly user: StoreUser<Read>;
  readonly files: StoreFiles;
  readonly now: () => number;
}

/**
 * Copies the open files of an adapter, and verifies the copy. What is verified is therefore what will be loaded, whatever happens to the
 * originals.
 *
 * @throws EspalierError ADAPTER_CHANGING, STORE_CHECKSUM_MISMATCH, and the errors of the user's `read` and `verify`. The folder then
 *   remains, and is removed by the caller.
 */
export async function stageVersion<Read extends Adapter>(
  source: AdapterFiles,
  staging: Staging<Read>,
): Promise<StagedVersion> {
  const { folder, name, checksums, user, files, now } = staging;
  const copied = await copyFiles(source, staging);
  // The disk is busy while the numbers are checked.
  const flushed = Promise.all(copied.paths.map((path) => files.flush(path)));
  flushed.catch(() => undefined);
  if (!(await source.isUnchanged())) throw new EspalierError('ADAPTER_CHANGING', { path: source.path, tries: 1 });
  const path = copied.content === undefined ? folder : join(folder, copied.content);
  // WHY beside each other: both read the copy whole. A wrong sum says more than what it breaks.
  const summed = checksums === undefined ? Promise.resolve() : assertSums(source, copied, checksums);
  const read = user.read(path, companionsOf(copied).length > 0);
  await Promise.allSettled([summed, read]);
  await summed;
  const adapter = await read;
  const facts = await user.verify(name, adapter);
  const key = await keyOf(adapter.digest, copied);
  const version: StoredVersion = {
    key,
    digest: adapter.digest,
    format: formatOf(adapter),
    base: adapter.baseName,
    fingerprint: adapter.baseFingerprint,
    ...facts,
    context: user.context,
    verified: new Date(now()).toISOString(),
    path,
  };
  await files.createFile(join(folder, factsFile), formatFacts(version, copied.content));
  await flushed;
  for (const each of [...copied.paths, join(folder, factsFile)]) await files.setMode(each, 0o444);
  await files.flush(folder);
  return { folder, version };
}

function formatOf(adapter: Adapter): string {
  return 'format' in adapter && typeof adapter.format === 'string' ? adapter.format : 'unknown';
}

interface Copied {
  /** The name of the only file of an adapter that is no folder. */
  readonly content: string | undefined;
  /** The copies, by their names in the adapter's folder; the only file has none. */
  readonly byName: ReadonlyMap<string, string>;
  readonly paths: readonly string[];
}

async function copyFiles(
  source: AdapterFiles,
  { folder, files }: Pick<Staging<Adapter>, 'folder' | 'files'>,
): Promise<Copied> {
  await files.createFolder(folder);
  const content = source.isFolder ? undefined : copyName(source.path);
  const byName = new Map<string, string>();
  const inner = new Set<string>();
  for (const { name, descriptor } of filesOf(source)) {
    const path = join(folder, content ?? name);
    if (dirname(path) !== folder && !inner.has(dirname(path))) await files.createFolder(dirname(path));
    inner.add(dirname(path));
    await files.copy(descriptor, path);
    byName.set(name, path);
  }
  return { content, byName, paths: [...byName.values()] };
}

/** The name of the copy of an adapter that is one file. */
export function copyName(path: string): string {
  const ending = extname(path);
  return `adapter${/^\.[a-z_]+$/.test(ending) ? ending : '.bin'}`;
}

/** @throws EspalierError STORE_CHECKSUM_MISMATCH */
async function assertSums(source: AdapterFiles, { byName }: Copied, { file, sums }: Checksums): Promise<void> {
  for (const [name, expected] of sums) {
    const path = byName.get(name) ?? (source.isFolder ? undefined : byName.get(''));
    // Other files of the folder are not loaded.
    if (path === undefined) continue;
    const actual = await hashFile(path);
    if (actual === expected) continue;
    const wrong = source.isFolder ? join(source.path, name) : source.path;
    throw new EspalierError('STORE_CHECKSUM_MISMATCH', { path: wrong, manifest: basename(file), expected, actual });
  }
}

function companionsOf({ byName }: Pick<Copied, 'byName'>): [string, string][] {
  return [...byName].filter(([name]) => name !== '' && !peftFiles.required.includes(name));
}

/** Versions with the same weights and other tokenizers are two. */
async function keyOf(digest: string, { byName }: Pick<Copied, 'byName'>): Promise<string> {
  const companions = companionsOf({ byName });
  if (companions.length === 0) return digest;
  const hash = createHash('sha256');
  for (const [name, path] of companions.sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\n${await hashFile(path)}\n`);
  }
  return `${digest}.${hash.digest('hex').slice(0, 12)}`;
}
