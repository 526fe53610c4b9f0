import {
  openAdapterSource,
  peftFiles,
  settlingTime,
  type AdapterFiles,
  type CompanionFiles,
} from '../../adapter-files/index.ts';
import { onDisk, openWriters } from '../../native/index.ts';
import { filesOfLists, readChecksums, type Checksums } from './checksums.ts';
import type { EntryLook } from './decide-entry.ts';
import type { Entry } from './entries.ts';

/** An entry whose files are open. */
export interface OpenEntry extends EntryLook {
  readonly source: AdapterFiles;
  readonly checksums: Checksums | undefined;
}

export interface LookOptions {
  readonly incoming: string;
  readonly companions: CompanionFiles;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Time without a change after which new files are taken. */
  readonly quietMs?: number | undefined;
}

/** The files of an open source, by their names in its folder; for an adapter in one file, that file. */
export function filesOf(source: AdapterFiles): readonly { readonly name: string; readonly descriptor: number }[] {
  const only = source.file();
  if (only !== undefined) return [{ name: '', descriptor: only.descriptor }];
  return source.names.map((name) => ({ name, descriptor: source.requiredFile(name).descriptor }));
}

/** Bytes of the files of an open source. */
export function sizeOf({ stamps: { top, files } }: AdapterFiles): number {
  return (files.length === 0 ? [top] : files).reduce((sum, { size }) => sum + Number(size), 0);
}

/**
 * Entries up to this size are read when they are looked at, which saves a job of the disk. WHY no more: an entry that is not taken yet is
 * read again later.
 */
const readAtOnce = 2 ** 20;

/**
 * Opens an entry and looks at its files.
 *
 * @throws EspalierError FILE_NOT_FOUND if it is gone, ADAPTER_PATH_OUTSIDE if it leads out of `incoming`
 */
export async function openEntry({ path, isLink }: Entry, options: LookOptions): Promise<OpenEntry> {
  const { incoming: within, companions, now } = options;
  const files = { ...peftFiles, ...companions };
  // WHY only what is listed: a file that comes later changes the folder, and is found when the entry is taken away.
  const opening = { files, within, isListed: true, readUpTo: readAtOnce, small: filesOfLists };
  const [target, source] = await Promise.all([
    isLink ? onDisk('linkTarget', path).catch(() => '') : '',
    openAdapterSource(path, opening),
  ]);
  try {
    const { stamps } = source;
    const checksums = await readChecksums(source);
    const names = filesOf(source).map(({ name }) => name);
    return {
      source,
      checksums,
      signature: [target, ...names, ...stampsOf(source), checksums?.stamp ?? ''].join('|'),
      isIncomplete: stamps.isIncomplete,
      hasChecksums: checksums !== undefined && covers(checksums, source),
      quietMs: quietOf(source, now(), options.quietMs),
      isOpenForWriting: filesOf(source).some(({ descriptor }) => openWriters(descriptor) === 'some'),
    };
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

function stampsOf({ stamps }: AdapterFiles): string[] {
  return [stamps.top, ...stamps.files].map(({ device, inode, size, changedNs }) =>
    [device, inode, size, changedNs].join('.'),
  );
}

/** Whether the list has every file that is loaded, and every file of the list is there. */
function covers({ sums }: Checksums, source: AdapterFiles): boolean {
  const only = source.file();
  if (only !== undefined) return sums.size === 1;
  const isListed = peftFiles.required.every((name) => sums.has(name) && source.names.includes(name));
  return isListed && source.names.every((name) => sums.has(name));
}

function quietOf({ stamps }: AdapterFiles, now: number, quietMs = 100): number {
  // WHY the age is left out: how long an entry has been quiet is measured on a clock that no one sets.
  const needed = settlingTime(stamps, Math.min(now, 0));
  return needed === 100 ? quietMs : needed;
}
