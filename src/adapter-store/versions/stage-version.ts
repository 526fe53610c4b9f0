import { createHash } from 'node:crypto';
import { basename, dirname, extname, join } from 'node:path';
import {
  digestBytes,
  holdContents,
  peftFiles,
  type AdapterFiles,
  type HeldContents,
  type HeldFile,
} from '../../adapter-files/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { assertListed, type Statement, type Vouched } from '../../trust/index.ts';
import type { Change, StoreFiles } from '../files/store-files.ts';
import type { Checksums } from '../incoming/checksums.ts';
import { sizeOf } from '../incoming/look-at-entry.ts';
import type { StoreUser } from '../store-options.ts';
import { factsFile, formatFacts, type StoredVersion } from './stored-version.ts';

/** A verified version that is complete on the disk, and not yet in its place. */
export interface StagedVersion {
  readonly folder: string;
  readonly version: StoredVersion;
  /** Who vouches for it; undefined if nobody is asked. */
  readonly vouched: Vouched | undefined;
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
 * Reads the open files of an adapter, verifies what was read, and writes it to a folder. Everything is done with the same bytes in
 * memory: what was verified is therefore what will be loaded, whatever happens to the originals.
 *
 * @throws EspalierError ADAPTER_CHANGING, STORE_CHECKSUM_MISMATCH, why nobody vouches for it, and the errors of the user's `inspect`, `readContents` and `verify`. The folder
 *   then remains, and is removed by the caller, when nothing is written to it any more.
 */
export async function stageVersion<Read extends Adapter>(
  source: AdapterFiles,
  staging: Staging<Read>,
): Promise<StagedVersion> {
  const { folder, user } = staging;
  const vouched = user.authority?.vouch(staging.name, staging.checksums?.list);
  if (sizeOf(source) > largeBytes) await user.inspect(source);
  const contents = await holdContents(source);
  if (vouched?.statement !== undefined) await assertVouched(contents, vouched.statement, staging);
  const version = await (isSmall(contents) ? writtenAfter : writtenMeanwhile)(contents, staging);
  return { folder, version, vouched };
}

/** Files of which the disk has less to do than a further job would cost. */
function isSmall({ files }: HeldContents): boolean {
  return [...files.values()].reduce((sum, { size }) => sum + size, 0) < leastBeside;
}

const leastBeside = 2 ** 20;

async function writtenAfter<Read extends Adapter>(
  contents: HeldContents,
  staging: Staging<Read>,
): Promise<StoredVersion> {
  const version = await verify(contents, staging);
  const { folders, places } = layOut(contents, staging.folder);
  await staging.files.inOrder([
    ...folders.map((path): Change => ['createFolder', path]),
    ...places.map(({ path, bytes }): Change => ['createFile', path, bytes, { mode: readOnly }]),
    ...factsOf(version, contents, staging.folder),
  ]);
  return version;
}

/** WHY beside each other: the disk is busy while the numbers are checked. */
async function writtenMeanwhile<Read extends Adapter>(
  contents: HeldContents,
  staging: Staging<Read>,
): Promise<StoredVersion> {
  const writing = writeContents(contents, staging);
  const [written, verified] = await Promise.allSettled([writing, verify(contents, staging)]);
  if (verified.status === 'rejected') throw verified.reason;
  if (written.status === 'rejected') throw written.reason;
  await staging.files.inOrder(factsOf(verified.value, contents, staging.folder));
  return verified.value;
}

/** The last file of a version, after which its folder is complete. */
function factsOf(version: StoredVersion, { isFolder, path }: HeldContents, folder: string): Change[] {
  const facts = formatFacts(version, isFolder ? undefined : copyName(path));
  return [
    ['createFile', join(folder, factsFile), facts, { mode: readOnly }],
    ['flush', folder],
  ];
}

/**
 * WHY before anything is parsed, and again of what was read: the list was signed, and the files may be others.
 * @throws EspalierError STATEMENT_INCOMPLETE, STORE_CHECKSUM_MISMATCH
 */
async function assertVouched(
  contents: HeldContents,
  statement: Statement,
  { checksums }: Pick<Staging<Adapter>, 'checksums'>,
): Promise<void> {
  const file = checksums?.file ?? '';
  assertListed(statement, contents.files.keys(), file);
  const [only = ''] = statement.files.values();
  await assertSums(contents, { file, sums: contents.isFolder ? statement.files : new Map([['', only]]) });
}

/** Files that may not fit into memory, as their length alone does not say. */
const largeBytes = 2 ** 26;

/** WHY: a version never changes. */
const readOnly = 0o444;

/** Where the files of an adapter get their places, and the folders for them. */
function layOut(
  { files, isFolder, path: from }: HeldContents,
  folder: string,
): { readonly folders: string[]; readonly places: { readonly path: string; readonly bytes: Uint8Array }[] } {
  const places = [...files].map(([name, { bytes }]) => ({
    path: join(folder, isFolder ? name : copyName(from)),
    bytes,
  }));
  return { folders: [...new Set([folder, ...places.map(({ path }) => dirname(path))])], places };
}

/** Resolves when the files are on the disk. */
async function writeContents(
  contents: HeldContents,
  { folder, files }: Pick<Staging<Adapter>, 'folder' | 'files'>,
): Promise<void> {
  const { folders, places } = layOut(contents, folder);
  for (const path of folders) await files.createFolder(path);
  const all = places.map(({ path, bytes }) => files.createFile(path, bytes, { mode: readOnly }));
  const outcomes = await Promise.allSettled(all);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** @throws EspalierError STORE_CHECKSUM_MISMATCH, and the errors of the user */
async function verify<Read extends Adapter>(contents: HeldContents, staging: Staging<Read>): Promise<StoredVersion> {
  const { folder, name, checksums, user, now } = staging;
  // WHY beside each other: both hash everything. A wrong sum says more than what it breaks.
  const summed = checksums === undefined ? Promise.resolve() : assertSums(contents, checksums);
  const read = user.readContents(contents, companionsOf(contents).length > 0);
  await Promise.allSettled([summed, read]);
  await summed;
  const adapter = await read;
  user.authority?.assertNotRevoked(name, adapter.digest);
  const facts = await user.verify(name, adapter);
  return {
    key: await keyOf(adapter.digest, contents),
    digest: adapter.digest,
    format: formatOf(adapter),
    base: adapter.baseName,
    fingerprint: adapter.baseFingerprint,
    ...facts,
    context: user.context,
    verified: new Date(now()).toISOString(),
    path: contents.isFolder ? folder : join(folder, copyName(contents.path)),
  };
}

function formatOf(adapter: Adapter): string {
  return 'format' in adapter && typeof adapter.format === 'string' ? adapter.format : 'unknown';
}

/** The name of the copy of an adapter that is one file. */
export function copyName(path: string): string {
  const ending = extname(path);
  return `adapter${/^\.[a-z_]+$/.test(ending) ? ending : '.bin'}`;
}

/** @throws EspalierError STORE_CHECKSUM_MISMATCH */
async function assertSums(
  { path, isFolder, files }: HeldContents,
  { file, sums }: Pick<Checksums, 'file' | 'sums'>,
): Promise<void> {
  for (const [name, expected] of sums) {
    // Other files of the folder are not loaded.
    const held = files.get(isFolder ? name : '');
    if (held === undefined) continue;
    const actual = await digestBytes(held.bytes);
    if (actual === expected) continue;
    const wrong = isFolder ? join(path, name) : path;
    throw new EspalierError('STORE_CHECKSUM_MISMATCH', { path: wrong, manifest: basename(file), expected, actual });
  }
}

function companionsOf({ files }: HeldContents): [string, HeldFile][] {
  return [...files].filter(([name]) => name !== '' && !peftFiles.required.includes(name));
}

/** Versions with the same weights and other tokenizers are two. */
async function keyOf(digest: string, contents: HeldContents): Promise<string> {
  const companions = companionsOf(contents);
  if (companions.length === 0) return digest;
  const hash = createHash('sha256');
  for (const [name, { bytes }] of companions.sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\n${await digestBytes(bytes)}\n`);
  }
  return `${digest}.${hash.digest('hex').slice(0, 12)}`;
}
