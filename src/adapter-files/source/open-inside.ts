import { constants } from 'node:fs';
import { lstat, open, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { isSameFile, stampOf, type Stamp } from '../../atomic-files/index.ts';

/** A file or folder that was opened once, and is used only through its descriptor. */
export interface Opened {
  readonly handle: FileHandle;
  readonly isFolder: boolean;
  /** The stamp at the time of opening. */
  readonly stamp: Stamp;
}

export interface OpenPlace {
  /** The path to open. */
  readonly at: string;
  /** The path in errors. */
  readonly path: string;
  /** A real path. The opened file must lie inside, also through links. undefined: it may be anywhere. */
  readonly root: string | undefined;
  /** Whether the path leads through the descriptor of a folder that lies inside: what is no link then lies inside too. */
  readonly isInFolder?: boolean | undefined;
}

/** Does not wait for the other end of a pipe, and makes no terminal its own. Windows has neither flag. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/**
 * Opens a file or a folder. Anything else counts as missing. The descriptor is checked to lie inside the root, so a link that is
 * changed between a check and the opening has no effect.
 *
 * @returns undefined if the path does not exist, or is neither a file nor a folder
 * @throws EspalierError ADAPTER_PATH_OUTSIDE; FILE_NOT_FOUND where it cannot be read
 */
export async function openInside(place: OpenPlace): Promise<Opened | undefined> {
  // WHY before it is opened: opening a device can have effects.
  const found = await (place.isInFolder === true ? lstat : stat)(place.at).catch(() => undefined);
  if (found?.isSymbolicLink() === true) return openInside({ ...place, isInFolder: false });
  if (found === undefined || !(found.isFile() || found.isDirectory())) return undefined;
  const isNoLink = place.isInFolder === true && constants.O_NOFOLLOW !== undefined;
  const handle = await open(place.at, isNoLink ? flags | constants.O_NOFOLLOW : flags).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'readable adapter file', path: place.path }, { cause });
  });
  try {
    const stats = await handle.stat({ bigint: true });
    const isFolder = stats.isDirectory();
    if (!isFolder && !stats.isFile()) return await closed(handle);
    const stamp = stampOf(stats);
    if (place.root !== undefined && !isNoLink) await assertInside({ handle, stamp }, place, place.root);
    return { handle, isFolder, stamp };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function closed(handle: FileHandle): Promise<undefined> {
  await handle.close();
  return undefined;
}

async function assertInside(
  opened: Pick<Opened, 'handle' | 'stamp'>,
  { at, path }: OpenPlace,
  root: string,
): Promise<void> {
  const real = await realPathOf(opened, at);
  if (real?.startsWith(root.endsWith(sep) ? root : root + sep) !== true) {
    throw new EspalierError('ADAPTER_PATH_OUTSIDE', { path });
  }
}

/** On Linux the real path of a descriptor can be read. Elsewhere the path is resolved again, and must lead to the same file. */
async function realPathOf(
  { handle, stamp }: Pick<Opened, 'handle' | 'stamp'>,
  at: string,
): Promise<string | undefined> {
  const told = await readlink(descriptorPath(handle)).catch(() => undefined);
  if (told !== undefined) return told;
  const real = await realpath(at);
  return isSameFile(stampOf(await stat(real, { bigint: true })), stamp) ? real : undefined;
}

/** The path under which Linux shows the file of a descriptor. */
export function descriptorPath({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}
