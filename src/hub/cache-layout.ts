/**
 * The layout of the hub's cache. It is the layout of the hub's Python tools, so that both use each other's files:
 *
 *     models--org--name/
 *       blobs/<sha256, or git's sha1>      the content of a file, stored once for all commits that contain it
 *       refs/main                          the commit that a branch or tag pointed to when it was last resolved
 *       snapshots/<commit>/config.json     a link to ../../blobs/...
 */
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeAtomically } from '../atomic-files/index.ts';
import type { HubReference } from './reference.ts';
import type { RepositoryFile } from './repository.ts';

/** The folder of one model in the cache. */
export function modelFolder(cache: string, name: string): string {
  return join(cache, `models--${name.replace('/', '--')}`);
}

export function snapshotFolder(cache: string, name: string, commit: string): string {
  return join(modelFolder(cache, name), 'snapshots', commit);
}

export function blobPath(cache: string, name: string, { digest }: RepositoryFile): string {
  return join(modelFolder(cache, name), 'blobs', digest.hex);
}

/** The commit to which a revision was last resolved, or undefined if `refs` does not contain the revision. */
export async function cachedCommit(cache: string, { name, revision }: HubReference): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const text = await readFile(join(modelFolder(cache, name), 'refs', revision), 'utf8').catch(() => '');
  return isCommit(text.trim()) ? text.trim() : undefined;
}

/** Records the commit to which a revision resolves. Nothing is recorded for a revision that is itself a commit. */
export async function writeRef(cache: string, { name, revision }: HubReference, commit: string): Promise<void> {
  if (isCommit(revision)) return;
  const path = join(modelFolder(cache, name), 'refs', revision);
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, (handle) => handle.writeFile(commit));
}

/**
 * Creates a link to a blob in a snapshot, atomically. The link is relative, so that the cache can be moved. On systems that
 * do not permit links, the file is copied.
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

/** Whether the path is a file, or a link to a file, and has this size if `size` is given. */
export async function hasFile(path: string, size?: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && (size === undefined || found.size === size);
}

function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}
