import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The file that is written to. */
export const currentFile = 'audit.jsonl';

const full = /^audit-(\d+)\.jsonl$/;

/** The name that a full file gets: that of its last record, so that names sort as their records do. */
export function fullName(lastSeq: number): string {
  return `audit-${String(lastSeq).padStart(12, '0')}.jsonl`;
}

/** The name under which the rest of a line is kept that was cut off. */
export function tornName(time: number): string {
  return `audit.torn-${new Date(time).toISOString().replaceAll(/[:.]/g, '')}`;
}

/** The files of a record, from the oldest to the one that is written to; none if there is no folder. */
export async function auditFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const older = names.filter((name) => full.test(name)).sort((a, b) => lastSeqOf(a) - lastSeqOf(b));
  return [...older, ...names.filter((name) => name === currentFile)].map((name) => join(folder, name));
}

/** The number of the last record of a full file, as its name says; NaN for others. */
export function lastSeqOf(name: string): number {
  return Number(full.exec(name)?.[1]);
}
