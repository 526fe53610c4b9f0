import type { Stamp } from '../../atomic-files/index.ts';

/** Time without changes, in milliseconds, after which files that were all created together are assumed to be complete. */
export const settleMs = 100;

/**
 * The same for files of which some may belong to an earlier version of the adapter. WHY so long: a writer that replaces one file after
 * the other may be held up between two of them, and on a busy machine 100 ms are nothing unusual.
 */
export const replacedSettleMs = 2000;

/** The facts about an adapter's files that are known without reading them. */
export interface SourceStamps {
  /** The adapter's folder; for an adapter in one file, that file. */
  readonly top: Stamp;
  /** The files in the folder; empty if the adapter is one file. */
  readonly files: readonly Stamp[];
  /** Whether a file that the folder needs is missing. */
  readonly isIncomplete: boolean;
}

/**
 * How long to wait before the files are read, in milliseconds; 0 if they have settled.
 *
 * A writer that changes one file after the other leaves a mixture of two adapters for a moment, in which each file is whole. Such a
 * moment begins with a change. So files are read only when the last change is long enough ago, or when they were moved into place after
 * the last change.
 *
 * @param nowMs  since 1970, by the clock of the file system
 */
export function settlingTime(stamps: SourceStamps, nowMs: number): number {
  if (wasMovedIntoPlace(stamps)) return 0;
  const { top, files, isIncomplete } = stamps;
  const newest = latest((files.length === 0 || isIncomplete ? [top, ...files] : files).map((file) => file.changedNs));
  const quietMs = mayHoldEarlierFiles(stamps) ? replacedSettleMs : settleMs;
  const age = nowMs - Number(newest) / 1e6;
  // WHY the whole time: a change in the future shows that the clocks differ, but not how long ago the change was.
  if (age < 0) return quietMs;
  return Math.max(0, quietMs - age);
}

/**
 * A rename changes the time of the attributes and not that of the content, for a folder too. Writing and the creation of files change
 * both. So a folder whose attributes changed last, after everything in it, was written elsewhere and then renamed.
 */
function wasMovedIntoPlace({ top, files, isIncomplete }: SourceStamps): boolean {
  if (isIncomplete || top.changedNs <= top.modifiedNs) return false;
  return files.every(({ changedNs }) => changedNs < top.changedNs);
}

/**
 * Whether a file of an earlier version may be among the files. It may be where a file was changed long after it was created: others may
 * be about to be changed as well. And it may be where one file was created long after another: the older one may be about to be replaced.
 * A file that was only being written for a while cannot be told from one that was changed.
 */
function mayHoldEarlierFiles({ top, files }: SourceStamps): boolean {
  const own = files.length === 0 ? [top] : files;
  const born = own.map(({ bornNs }) => bornNs);
  const first = born.reduce((least, time) => (time < least ? time : least));
  return latest(own.map(({ changedNs }) => changedNs)) - first > BigInt(settleMs) * 1_000_000n;
}

function latest(times: readonly bigint[]): bigint {
  return times.reduce((most, time) => (time > most ? time : most));
}
