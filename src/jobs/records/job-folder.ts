import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { publishFolder, writeAtomically } from '../../atomic-files/index.ts';
import { EspalierError } from '../../core/index.ts';
import { type JobRecord, jobRecordSchema } from './job-record.ts';

/** The parts of a folder of jobs. */
export interface JobsLayout {
  readonly dir: string;
  /** One folder for each job. */
  readonly jobs: string;
  /** One folder for each file. */
  readonly files: string;
  /** Uploads on their way. Emptied at each start. */
  readonly staging: string;
  /** One file for each webhook that was not delivered yet. */
  readonly webhooks: string;
  /** Locked while a server uses the folder. */
  readonly server: string;
}

export function layoutOf(dir: string): JobsLayout {
  return {
    dir,
    jobs: join(dir, 'jobs'),
    files: join(dir, 'files'),
    staging: join(dir, 'staging'),
    webhooks: join(dir, 'webhooks'),
    server: join(dir, 'server'),
  };
}

/** Makes what is missing, and empties what stopped processes left. */
export async function prepare({ jobs, files, staging, webhooks }: JobsLayout): Promise<void> {
  await rm(staging, { recursive: true, force: true });
  for (const dir of [jobs, files, staging, webhooks]) await mkdir(dir, { recursive: true });
  for (const dir of [jobs, files]) {
    const unfinished = (await readdir(dir)).filter((name) => name.startsWith('.'));
    for (const name of unfinished) await rm(join(dir, name), { recursive: true, force: true });
  }
}

/** The places of one job. */
export interface JobPlaces {
  readonly record: string;
  readonly events: string;
  /** A copy of the adapter with which the training begins, where it begins with one. */
  readonly start: string;
  /** What the training writes. Its checkpoints are in `adapter.checkpoints`. */
  readonly adapter: string;
}

export function placesOf({ jobs }: Pick<JobsLayout, 'jobs'>, id: string): JobPlaces {
  const dir = join(jobs, id);
  const [record, events] = [join(dir, 'job.json'), join(dir, 'events.jsonl')];
  return { record, events, start: join(dir, 'start'), adapter: join(dir, 'adapter') };
}

/**
 * Keeps a new job. Its folder appears complete or not at all.
 * @param start  the adapter with which it begins. WHY copied: the store may no longer keep it when the job begins, or goes on
 */
export async function createJob({ jobs }: JobsLayout, job: JobRecord, start: string | undefined): Promise<void> {
  await publishFolder(join(jobs, job.id), async (staging) => {
    if (start !== undefined) await copyVersion(start, join(staging, 'start'));
    await writeFile(join(staging, 'job.json'), textOf(job));
  });
}

/** WHY not with the modes of the store: its versions cannot be removed by whoever removes the folder of a job. */
async function copyVersion(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    await copyFile(join(from, entry.name), join(to, entry.name));
    await chmod(join(to, entry.name), 0o644);
  }
}

export async function saveJob(layout: JobsLayout, job: JobRecord): Promise<void> {
  await writeAtomically(placesOf(layout, job.id).record, (handle) => handle.writeFile(textOf(job)));
}

/** @throws EspalierError JOBS_UNREADABLE */
export async function readJobs({ jobs }: JobsLayout): Promise<JobRecord[]> {
  return readRecords(jobs, 'job.json', jobRecordSchema);
}

/** WHY not all: each is an open file. */
const readAtOnce = 32;

/** Reads the record of every folder in a folder. @throws EspalierError JOBS_UNREADABLE */
export async function readRecords<Schema extends z.ZodType>(
  dir: string,
  file: string,
  schema: Schema,
): Promise<z.output<Schema>[]> {
  // Hidden names are those of what is being written, and what a stopped process has left of it.
  const names = (await readdir(dir)).filter((name) => !name.startsWith('.'));
  const records: z.output<Schema>[] = [];
  for (let at = 0; at < names.length; at += readAtOnce) {
    const some = names.slice(at, at + readAtOnce);
    records.push(...(await Promise.all(some.map((name) => readRecord(join(dir, name, file), schema)))));
  }
  return records;
}

async function readRecord<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message.split('\n').join(' ').slice(0, 200) : String(cause);
    throw new EspalierError('JOBS_UNREADABLE', { path, problem }, { cause });
  }
}

function textOf(record: object): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}
