import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JobTable } from './job-table.ts';
import { createJob, type JobsLayout, layoutOf, placesOf, prepare } from './records/job-folder.ts';
import { someJob } from './testing/job-record.ts';

let dir: string;
let layout: JobsLayout;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  layout = layoutOf(dir);
  await prepare(layout);
});
afterEach(() => rm(dir, { recursive: true }));

const open = (mostEnded?: number): Promise<JobTable> =>
  JobTable.open({ layout, now: () => 9_000_000, onChange: () => undefined, mostEnded });
const ended = (id: string, finishedAt: number) =>
  createJob(layout, someJob({ id, status: 'cancelled', finishedAt }), undefined);
const ids = (table: JobTable): string[] => table.list().map(({ id }) => id);

describe('the table of jobs', () => {
  it.runIf(process.platform !== 'win32')('reads no events before they are wanted', async () => {
    await ended('ftjob-a', 1);
    // Whoever opens this file waits for somebody who writes to it.
    execFileSync('mkfifo', [placesOf(layout, 'ftjob-a').events]);
    expect(ids(await open())).toEqual(['ftjob-a']);
  });

  it('knows the jobs that ended last, and all that have not', async () => {
    for (const [at, id] of ['a', 'b', 'c'].entries()) await ended(`ftjob-${id}`, 100 - at);
    await createJob(layout, someJob({ id: 'ftjob-d' }), undefined);
    const table = await open(2);
    expect(ids(table)).toEqual(['ftjob-a', 'ftjob-b', 'ftjob-d']);
    await table.act('ftjob-d', { kind: 'cancel' });
    table.log('ftjob-d', { message: 'It has ended last.' });
    expect(ids(table)).toEqual(['ftjob-a', 'ftjob-d']);
    expect(await table.events('ftjob-d')).toHaveLength(1);
    expect(await readdir(layout.jobs)).toHaveLength(4);
  });

  it('reads the records of many jobs', async () => {
    const all = Array.from({ length: 70 }, (_, at) => `ftjob-${at + 10}`);
    for (const id of all) await ended(id, 1);
    expect(ids(await open())).toEqual(all);
  });
});
