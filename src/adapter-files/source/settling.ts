import type { Stamp } from '../../atomic-files/index.ts';

/** Time without writes, in milliseconds, after which the files of an adapter are assumed to belong together. */
export const settleMs = 100;

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
 * moment begins with a change. So files are read only when the last change is `settleMs` ago, or when they were moved into place after
 * the last change.
 *
 * @param nowMs  since 1970, by the clock of the file system
 */
export function settlingTime(stamps: SourceStamps, nowMs: number): number {
  if (wasMovedIntoPlace(stamps)) return 0;
  const { top, files, isIncomplete } = stamps;
  const changes = (files.length === 0 || isIncomplete ? [top, ...files] : files).map(({ changedNs }) => changedNs);
  const newest = changes.reduce((latest, time) => (time > latest ? time : latest));
  const age = nowMs - Number(newest) / 1e6;
  // WHY the whole time: a change in the future shows that the clocks differ, but not how long ago the change was.
  if (age < 0) return settleMs;
  return Math.max(0, settleMs - age);
}

/**
 * A rename changes the time of the attributes and not that of the content, for a folder too. Writing and the creation of files change
 * both. So a folder whose attributes changed last, after everything in it, was written elsewhere and then renamed.
 */
function wasMovedIntoPlace({ top, files, isIncomplete }: SourceStamps): boolean {
  if (isIncomplete || top.changedNs <= top.modifiedNs) return false;
  return files.every(({ changedNs }) => changedNs < top.changedNs);
}
