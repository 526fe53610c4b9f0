import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditLog, readAudit } from '../../src/adapter-store/index.ts';

/** Records that the child adds: enough to fill several files. */
const added = 12;
/** Bytes after which a new file is begun. */
const maxBytes = 1200;

/** Where the record lies in a child's folder. */
function recordIn(folder: string): string {
  return join(folder, 'record');
}

/** Makes a record of three lines, of which the last one was cut off. */
export async function prepareRecord(folder: string): Promise<void> {
  await using log = await AuditLog.open({ folder: recordIn(folder), onProblem: () => undefined, maxBytes });
  log.append(entry(-1));
  await log.settled();
  await appendFile(join(recordIn(folder), 'audit.jsonl'), '{"seq":3,"ti');
}

/** Goes on with the record. @param kept  hears after each record how many are on the disk, as the record says */
export async function addRecords(
  folder: string,
  kept: (count: number) => void,
  { isBroken = false } = {},
): Promise<void> {
  let problem: unknown;
  const onProblem = (error: unknown): void => void (problem = error);
  await using log = await AuditLog.open({ folder: recordIn(folder), onProblem, maxBytes });
  for (let number = 0; number < added; number++) {
    log.append(entry(number));
    if (isBroken) kept(number + 1);
    await log.settled();
    if (problem === undefined && !isBroken) kept(number + 1);
  }
}

/** What is there of a record after its process has ended. */
export interface RecordState {
  readonly isWhole: boolean;
  readonly problem: string | undefined;
}

/**
 * Goes on with a record whose process was ended.
 * @param kept  the records of which the process was told that they are on the disk
 */
export async function recordAfter(folder: string, kept: number): Promise<RecordState> {
  await using log = await AuditLog.open({ folder: recordIn(folder), onProblem: () => undefined, maxBytes });
  await log.settled();
  let found = 0;
  const { problems } = await readAudit(recordIn(folder), ({ name }) => {
    if (name === nameOf(found)) found++;
  });
  const lost = kept - found;
  const problem = problems[0]?.problem ?? (lost > 0 ? `${lost} records are missing that were on the disk` : undefined);
  return { isWhole: found === added, problem };
}

function entry(number: number): Parameters<AuditLog['append']>[0] {
  return { time: new Date(0).toISOString(), actor: 'soak', event: 'publish', result: 'done', name: nameOf(number) };
}

function nameOf(number: number): string {
  return `record-${number}`;
}
