/**
 * The hub's own cache, as its Python tools lay it out, so that both find each other's files:
 *
 *     models--org--name/
 *       blobs/<sha256, or git's sha1>      the bytes, once for every commit that has them
 *       refs/main                          the commit that a branch or tag was when it was last asked for
 *       snapshots/<commit>/config.json     a link to ../../blobs/...
 */
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeAtomically } from '../atomic-files/index.ts';
import type { HubReference } from './reference.ts';
import type { RepositoryFile } from './repository.ts';

/** The folder of one model. */
export function modelFolder(cache: string, name: string): string {
  return join(cache, `models--${name.replace('/', '--')}`);
}

export function snapshotFolder(cache: string, name: string, commit: string): string {
  return join(modelFolder(cache, name), 'snapshots', commit);
}

export function blobPath(cache: string, name: string, { digest }: RepositoryFile): string {
  return join(modelFolder(cache, name), 'blobs', digest.hex);
}

/** The commit that a revision was when it was last asked for. */
export async function cachedCommit(cache: string, { name, revision }: HubReference): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const text = await readFile(join(modelFolder(cache, name), 'refs', revision), 'utf8').catch(() => '');
  return isCommit(text.trim()) ? text.trim() : undefined;
}

/** Writes down which commit a revision is. A commit is its own name and needs none. */
export async function writeRef(cache: string, { name, revision }: HubReference, commit: string): Promise<void> {
  if (isCommit(revision)) return;
  const path = join(modelFolder(cache, name), 'refs', revision);
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, (handle) => handle.writeFile(commit));
}

/**
 * Puts a link to a blob in a snapshot, in one step. The link is relative, so that the cache can be moved; where the
 * system lets nobody link, the file is copied.
 */
export async function placeLink(blob: string, place: string): Promise<void> {
  const target = relative(dirname(place), blob);
  if ((await readlink(place).catch(() => undefined)) === target) return;
  await mkdir(dirname(place), { recursive: true });
  const temporary = `${place}.${randomUUID()}.tmp`;
  try {
    await symlink(target, temporary).catch(() => copyFile(blob, temporary));
    await rename(temporary, place);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Whether a path leads to a file of this size, through a link or not. */
export async function hasFile(path: string, size?: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && (size === undefined || found.size === size);
}

function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}
