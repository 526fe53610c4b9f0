import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { lookAtSource, peftFiles, type AdapterFiles } from '../../adapter-files/index.ts';
import { flatName, nameOfFlat, type Layout } from '../files/layout.ts';
import { isImmovable, type StoreFiles } from '../files/store-files.ts';
import type { LookOptions } from './look-at-entry.ts';

const prefix = 'taken-';
let count = 0;

/**
 * Removes an entry of which everything that counts is in the store. It is first moved away and looked at, so that another version that has
 * taken its place meanwhile is not lost.
 *
 * @returns `kept` if the entry cannot be moved; `newer` if another version was found and put back
 * @throws an error of the system that may pass
 */
export async function takeAway(
  path: string,
  source: AdapterFiles,
  {
    layout,
    files,
    companions,
  }: { readonly layout: Layout; readonly files: StoreFiles } & Pick<LookOptions, 'companions'>,
): Promise<'removed' | 'kept' | 'newer'> {
  const away = join(layout.staging, `${prefix}${count++}-${flatName(relative(layout.incoming, path))}`);
  try {
    await files.rename(path, away);
  } catch (error) {
    if (!isImmovable(error)) throw error;
    return 'kept';
  }
  if (await isSame(away, source, companions)) {
    await files.removeTree(away);
    return 'removed';
  }
  if (!(await files.renameToFree(away, path))) await files.removeTree(away);
  return 'newer';
}

async function isSame(away: string, source: AdapterFiles, companions: LookOptions['companions']): Promise<boolean> {
  try {
    return contentStamps(await lookAtSource(away, { ...peftFiles, ...companions })) === contentStamps(source);
  } catch {
    return false;
  }
}

/** WHY not the time of the attributes: the move has changed that of a single file. */
function contentStamps({ stamps, names }: Awaited<ReturnType<typeof lookAtSource>>): string {
  const files = stamps.files.length === 0 ? [stamps.top] : stamps.files;
  return [...names, ...files.map(({ inode, size, modifiedNs }) => `${inode}.${size}.${modifiedNs}`)].join('|');
}

/** Puts entries back that a stop has left half removed. Those that are in the store already are found out and removed again. */
export async function putBack(layout: Layout, files: StoreFiles): Promise<void> {
  for (const name of await readdir(layout.staging)) {
    const flat = /^taken-\d+-(.+)$/.exec(name)?.[1];
    if (flat === undefined) continue;
    const path = join(layout.incoming, nameOfFlat(flat));
    await files.renameToFree(join(layout.staging, name), path).catch(() => false);
  }
}
