import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkpointPath, checkpointsOf } from '../../checkpoint/index.ts';
import { type JobEvent, onJobEvent } from '../../core/index.ts';
import { FileFolder } from '../files/file-folder.ts';
import { JobTable } from '../job-table.ts';
import { type JobsLayout, layoutOf, placesOf, prepare } from '../records/job-folder.ts';
import type { JobRecord } from '../records/job-record.ts';
import { FakeTrainings } from '../testing/fake-trainings.ts';
import { someJob } from '../testing/job-record.ts';
import { JobRunner } from './job-runner.ts';
import { retryDelaysMs } from './with-retries.ts';

/** WHY so patient: other tests keep the cores busy. */
const soon = <Value>(check: () => Value | Promise<Value>): Promise<Value> => vi.waitFor(check, 20_000);
vi.setConfig({ testTimeout: 60_000 });

let dir: string;
let layout: JobsLayout;
let table: JobTable;
let runner: JobRunner;
let trainings: FakeTrainings;
let served: string[];
/** A name that the store does not take. */
let refused: string | undefined;
/** What a request leaves to what it begins, such as its trace. */
const request = new AsyncLocalStorage<string>();
let servedWithin: (string | undefined)[];
let waits: number[];
let wakeUps: (() => void)[];
let heard: JobEvent[];
let hearing: Disposable;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  refused = undefined;
  [served, servedWithin, waits, wakeUps, heard] = [[], [], [], [], []];
  hearing = onJobEvent((event) => void heard.push(event));
  layout = layoutOf(dir);
  await prepare(layout);
  trainings = new FakeTrainings();
  table = await JobTable.open({ layout, now: () => 5_000_000, onChange: () => runner.pump() });
  await begin(100);
});
afterEach(async () => {
  hearing[Symbol.dispose]();
  for (const training of trainings.all) training.exit(130);
  await runner[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** @param count  most files */
async function begin(count: number, starting = trainings.start): Promise<void> {
  const files = await FileFolder.open({ layout, now: () => 5000, limits: { count, bytes: 1e6 } });
  runner = new JobRunner({
    layout,
    table,
    files,
    base: { base: '/base', chatTemplate: undefined },
    maxJobs: 1,
    memory: undefined,
    start: starting,
    serve: async ({ fineTunedModel }) => {
      if (fineTunedModel === refused) throw new Error('it is not finite');
      served.push(fineTunedModel);
      servedWithin.push(request.getStore());
    },
    timers: {
      after(ms, run) {
        waits.push(ms);
        wakeUps.push(run);
        return () => undefined;
      },
    },
    now: () => 5_000_000,
  });
}

const { id } = someJob();
const job = (): JobRecord | undefined => table.find(id);
const notes = (): string[] => heard.flatMap((event) => (event.event === 'note' ? [event.message] : []));

/** Starts the job, and waits until its training has been noted. */
async function start(): Promise<FakeTrainings['all'][number]> {
  await table.create(someJob());
  await soon(() => expect(job()?.process).not.toBeNull());
  const [training] = trainings.all;
  if (training === undefined) throw new Error('nothing was started');
  return training;
}

/** Lets no record of the job be written. @returns a function that ends that */
async function block(): Promise<() => Promise<void>> {
  const { record } = placesOf(layout, id);
  await rm(record);
  await mkdir(join(record, 'in-the-way'), { recursive: true });
  return () => rm(record, { recursive: true });
}

/** Lets every delay pass, one after the other. */
async function passAll(): Promise<void> {
  for (const at of retryDelaysMs.keys()) {
    await soon(() => expect(waits.length).toBeGreaterThan(at));
    wakeUps[at]?.();
  }
}

describe('what a job does', () => {
  it('belongs to no request, neither to the one that made it nor to one that gave it its place', async () => {
    await request.run('the request for the job', () => table.create(someJob()));
    const training = await soon(() => {
      const [first] = trainings.all;
      if (first === undefined) throw new Error('nothing was started');
      return first;
    });
    await training.finish();
    await soon(() => expect(job()?.status).toBe('succeeded'));
    expect(servedWithin).toEqual([undefined]);
  });
});

describe('the checkpoints of a job', () => {
  /** Ends a job that has kept the adapters of these steps. */
  async function finishWith(...steps: readonly number[]): Promise<void> {
    const training = await start();
    for (const step of steps) {
      await training.save(step);
      await mkdir(join(checkpointPath(checkpointsOf(placesOf(layout, id).adapter), step), 'adapter'));
    }
    await training.save(9);
    await training.finish();
    await soon(() => expect(job()?.status).toBe('succeeded'));
  }

  it('are served under their own names when it has ended, if they have an adapter', async () => {
    await finishWith(2, 10);
    const name = job()?.fineTunedModel ?? '';
    expect(served).toEqual([name, `${name}:ckpt-step-2`, `${name}:ckpt-step-10`]);
  });

  it('do it no harm when they are refused', async () => {
    refused = `${someJob().fineTunedModel}:ckpt-step-2`;
    await finishWith(2, 10);
    expect(served).toEqual([job()?.fineTunedModel, `${job()?.fineTunedModel}:ckpt-step-10`]);
    expect(notes()).toContain('The checkpoint of step 2 cannot be asked: it is not finite');
  });
});

describe('a job whose files are full', () => {
  it('is served without its file of results, is trained once, and says so', async () => {
    await begin(0);
    const training = await start();
    await training.finish();
    await soon(() => expect(job()?.status).toBe('succeeded'));
    expect([trainings.all.length, served.length, job()?.resultFiles]).toEqual([1, 1, []]);
    expect(notes().find((note) => note.includes('without its file of results'))).toMatch(/at most 0 files/);
  });
});

describe('a job whose record cannot be written', () => {
  it('tries again with growing delays, and goes on when it can', async () => {
    const training = await start();
    const unblock = await block();
    await training.finish();
    await soon(() => expect(waits).toEqual([1000]));
    wakeUps[0]?.();
    await soon(() => expect(waits).toEqual([1000, 4000]));
    await unblock();
    wakeUps[1]?.();
    await soon(() => expect(job()?.status).toBe('succeeded'));
    expect([trainings.all.length, served.length, job()?.process]).toEqual([1, 1, null]);
  });

  it('fails with the reason after the last attempt, and is not trained again', async () => {
    const training = await start();
    await block();
    await training.finish();
    await passAll();
    await soon(() => expect(job()?.status).toBe('failed'));
    expect(job()?.error?.message).toMatch(/directory/i);
    expect(waits).toEqual(retryDelaysMs);
    expect([trainings.all.length, served.length]).toEqual([1, 0]);
    const told = heard.filter((event) => event.event === 'note' && event.level === 'error');
    expect(told.length).toBeGreaterThan(0);
    for (const one of told) expect(one).toMatchObject({ job: id, model: 'ft:base::abc' });
  });

  it('keeps the error of its training', async () => {
    const training = await start();
    await block();
    training.exit(1, null, 'no memory');
    await passAll();
    await soon(() => expect(job()?.error?.message).toMatch(/exit code 1.*no memory/));
    expect([job()?.status, waits]).toEqual(['failed', retryDelaysMs]);
  });

  it('does not hold up the end of the server, and is left for the next one', async () => {
    const training = await start();
    const unblock = await block();
    await training.finish();
    await soon(() => expect(waits).toEqual([1000]));
    await runner[Symbol.asyncDispose]();
    expect(job()?.status).toBe('running');
    await unblock();
  });

  it('fails before its training where its files have been read', async () => {
    await runner[Symbol.asyncDispose]();
    await table.create(someJob({ status: 'validating_files', trainingFile: 'none' }));
    await block();
    await begin(100);
    runner.pump();
    await passAll();
    await soon(() => expect(job()?.error?.code).toBe('job_file_not_found'));
    expect([trainings.all.length, waits]).toEqual([0, retryDelaysMs]);
  });
});

describe('a training of which the process cannot be noted', () => {
  it('is ended, and its job fails', async () => {
    // Its record can be written until the process is there.
    await begin(100, (order) => {
      const started = trainings.start(order);
      return { ...started, mark: block().then(() => started.mark) };
    });
    await table.create(someJob());
    await passAll();
    await soon(() => expect(job()?.status).toBe('failed'));
    expect(trainings.all.map(({ asked }) => asked[0])).toEqual(['kill']);
  });
});
