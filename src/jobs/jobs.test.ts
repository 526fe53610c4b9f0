import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { markOf } from '../atomic-files/index.ts';
import { EspalierError, type JobEvent, onJobEvent } from '../core/index.ts';
import { Jobs, type NewJob, type OpenJobsOptions } from './jobs.ts';
import type { JobRecord } from './records/job-record.ts';
import type { FinishedAdapter } from './run/finished-adapter.ts';
import { type FakeTraining, FakeTrainings } from './testing/fake-trainings.ts';

/** WHY so patient: other tests keep the cores busy. */
const patience = 20_000;
const soon = <Value>(check: () => Value | Promise<Value>): Promise<Value> => vi.waitFor(check, patience);
vi.setConfig({ testTimeout: 3 * patience });

let dir: string;
let jobs: Jobs;
let trainings: FakeTrainings;
let served: FinishedAdapter[];
let refusal: Error | undefined;
let heard: JobEvent[];
let hearing: Disposable;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  [served, refusal, heard] = [[], undefined, []];
  hearing = onJobEvent((event) => void heard.push(event));
  jobs = await open();
});
afterEach(async () => {
  hearing[Symbol.dispose]();
  for (const training of trainings.all) training.exit(130);
  await jobs[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** The monotonic clock. */
let clockMs = 0;

async function open(more: Pick<OpenJobsOptions, 'limits'> = {}): Promise<Jobs> {
  trainings = new FakeTrainings();
  const opened = await Jobs.open({
    dir: join(dir, 'jobs'),
    base: { base: '/base', chatTemplate: undefined },
    threads: 2,
    memory: 5e8,
    ...more,
    start: trainings.start,
    serve: async (finished) => {
      if (refusal) throw refusal;
      served.push(finished);
    },
    post: () => Promise.resolve(200),
    timers: {
      // The looks at a process, which is a real one, and nothing else.
      after(ms, run) {
        const timer = ms > 20 ? undefined : setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    },
    now: () => 5_000_000,
    clock: { now: () => clockMs },
  });
  await opened.begin();
  return opened;
}

/** Ends the server as a kill does: what runs is left, and the lock of the folder with it. */
async function killServer(): Promise<void> {
  for (const training of trainings.all) training.exit(null, 'SIGKILL');
  await jobs[Symbol.asyncDispose]();
}

async function upload(text = '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n') {
  const path = join(jobs.staging, `upload-${Math.random()}`);
  await writeFile(path, text);
  return jobs.files.put({ path, filename: 'rows.jsonl', owner: null });
}

async function create(given: Partial<NewJob> = {}): Promise<JobRecord> {
  const trainingFile = given.trainingFile ?? (await upload()).id;
  const auto = { nEpochs: 'auto', batchSize: 'auto', learningRateMultiplier: 'auto' } as const;
  return jobs.create({
    model: 'base',
    trainingFile,
    validationFile: null,
    suffix: null,
    seed: 1,
    start: null,
    metadata: null,
    hyperparameters: auto,
    fineTunedModel: 'ft:base::abc',
    adapter: null,
    rollout: null,
    owner: null,
    actor: 'key one',
    trace: null,
    ...given,
  });
}

const statusOf = (id: string): string | undefined => jobs.find(id)?.status;
const becomes = (id: string, status: string): Promise<void> =>
  soon(() => expect([statusOf(id), jobs.find(id)?.error ?? null]).toEqual([status, null]));
const training = (at: number): Promise<FakeTraining> =>
  soon(() => {
    const found = trainings.all[at];
    if (found === undefined) throw new Error('no such training');
    return found;
  });
const messages = async (id: string): Promise<string[]> => (await jobs.events(id)).map(({ message }) => message);

describe('a job', () => {
  it('trains, is served, and tells all of it', async () => {
    const { id, trainingFile, status } = await create({ adapter: 'policy', rollout: 'progressive' });
    expect(status).toBe('validating_files');
    const process = await training(0);
    expect(process.memory).toBe(5e8);
    expect(process.option('--threads')).toBe('2');
    expect(process.option('--data')).toBe(jobs.files.pathOf(trainingFile));
    expect(jobs.figures()).toMatchObject({ states: { running: 1, succeeded: 0 }, places: 1, trainingSeconds: 0 });
    process.tell({ kind: 'planned', plan: { steps: 3, trainableParameters: 5 } });
    process.step(1, 3, 2);
    await process.save(1);
    clockMs += 2500;
    expect(jobs.figures().trainingSeconds).toBe(2.5);
    await process.finish();
    await becomes(id, 'succeeded');
    clockMs += 1000;
    expect(jobs.figures()).toMatchObject({ states: { running: 0, succeeded: 1 }, trainingSeconds: 2.5 });
    expect(served).toEqual([
      {
        fineTunedModel: 'ft:base::abc',
        adapter: 'policy',
        rollout: 'progressive',
        path: join(dir, 'jobs', 'jobs', id, 'adapter'),
        trace: null,
        cause: { actor: 'key one', reason: `fine-tuning job ${id}` },
      },
    ]);
    await soon(async () =>
      expect((await messages(id)).toReversed()).toEqual([
        `Created fine-tuning job: ${id}`,
        `Validating training file: ${trainingFile}`,
        'Files validated, moving job to queued state',
        'Fine-tuning job started',
        'Step 1/3: training loss=2.0000',
        'Checkpoint created at step 1',
        'New fine-tuned model created: ft:base::abc',
        'The job has successfully completed',
      ]),
    );
    const statuses = heard.flatMap((event) => (event.event === 'status' ? [event.status] : []));
    expect(statuses).toEqual(['validating_files', 'queued', 'running', 'succeeded']);
    expect(jobs.find(id)).toMatchObject({ trainedTokens: 30, steps: 3, finishedAt: 5000, process: null });
    expect(await jobs.checkpoints(id)).toMatchObject([{ step: 1, trainLoss: 2 }]);
    const [result = ''] = jobs.find(id)?.resultFiles ?? [];
    expect(await readFile(jobs.files.pathOf(result), 'utf8')).toBe(
      'step,train_loss,valid_loss,learning_rate,target_tokens\n1,0.5,,0.0001,10\n',
    );
  });

  it('begins with a copy of an adapter, which may be gone when it begins', async () => {
    const path = join(dir, 'version');
    await mkdir(path);
    await writeFile(join(path, 'adapter_model.safetensors'), 'weights');
    const { id } = await create({ start: { version: 'v1', path } });
    await rm(path, { recursive: true });
    const copy = (await training(0)).option('--init-adapter') ?? '';
    expect(copy).toBe(join(dir, 'jobs', 'jobs', id, 'start'));
    expect(await readFile(join(copy, 'adapter_model.safetensors'), 'utf8')).toBe('weights');
    expect(jobs.find(id)?.startVersion).toBe('v1');
  });

  it('waits for a place, and takes it when it is free', async () => {
    const first = await create();
    await training(0);
    const second = await create();
    await becomes(second.id, 'queued');
    expect([statusOf(first.id), trainings.all.length]).toEqual(['running', 1]);
    await trainings.all[0]?.finish();
    await training(1);
    expect(statusOf(second.id)).toBe('running');
  });

  it('fails with the error of its training, of its files or of the store', async () => {
    const first = await create();
    const process = await training(0);
    process.tell({ error: { code: 'DATA_TOKEN_OUT_OF_RANGE', message: 'Token 9 of rows.jsonl is none.' } });
    process.exit(1);
    await soon(() => expect(statusOf(first.id)).toBe('failed'));
    const message = 'Token 9 of rows.jsonl is none.';
    expect(jobs.find(first.id)?.error).toEqual({ code: 'data_token_out_of_range', message, param: 'training_file' });

    const killed = await create();
    (await training(1)).exit(null, 'SIGKILL', 'out of memory');
    await soon(() => expect(jobs.find(killed.id)?.error?.message).toMatch(/signal SIGKILL.*out of memory/));

    refusal = new EspalierError('ADAPTER_NOT_FOUND', { name: 'x', hint: '' });
    const unserved = await create();
    await (await training(2)).finish();
    await soon(() => expect(jobs.find(unserved.id)?.error?.code).toBe('adapter_not_found'));
  });

  it('is paused after a step, gives its place away, and goes on with its checkpoint', async () => {
    const { id } = await create();
    const process = await training(0);
    await jobs.command(id, 'pause');
    expect([statusOf(id), process.asked]).toEqual(['paused', ['stop']]);
    const other = await create();
    await becomes(other.id, 'queued');
    await process.save(2);
    process.tell({ kind: 'finished', result: { steps: 2, interrupted: true, targetTokens: 3 } });
    process.exit(130);
    await becomes(other.id, 'running');
    await jobs.command(id, 'resume');
    await becomes(id, 'queued');
    await trainings.all[1]?.finish();
    const again = await training(2);
    expect([process.words.includes('--resume'), again.words.includes('--resume')]).toEqual([false, true]);
    const same = ({ words }: FakeTraining): string[] => words.filter((word) => !/resume|allow/.test(word));
    expect(same(again)).toEqual(same(process));
    await again.finish();
    await becomes(id, 'succeeded');
  });

  it('that was paused at its very end only needs to be served', async () => {
    const { id } = await create();
    const process = await training(0);
    await jobs.command(id, 'pause');
    await process.finish();
    await soon(() => expect(jobs.find(id)?.isTrained).toBe(true));
    expect([statusOf(id), served.length]).toEqual(['paused', 0]);
    await jobs.command(id, 'resume');
    await becomes(id, 'succeeded');
    expect([trainings.all.length, served.length]).toEqual([1, 1]);
  });

  it('is cancelled at once, and leaves nothing of its training', async () => {
    const { id } = await create();
    const process = await training(0);
    await process.save(1);
    expect((await jobs.command(id, 'cancel')).status).toBe('cancelled');
    expect(process.asked).toEqual(['kill']);
    await soon(async () =>
      expect((await readdir(join(dir, 'jobs', 'jobs', id))).toSorted()).toEqual(['events.jsonl', 'job.json']),
    );
    await expect(jobs.command(id, 'resume')).rejects.toThrow('is cancelled: it cannot be resumed');
    expect(jobs.find(id)?.error).toBeNull();
  });
});

describe('a server that starts again', () => {
  it('goes on with what ran, and then with what waited', async () => {
    const first = await create();
    const process = await training(0);
    process.step(1, 3);
    await process.save(1);
    const second = await create();
    await becomes(second.id, 'queued');
    const before = await readFile(join(dir, 'jobs', 'jobs', first.id, 'job.json'), 'utf8');
    await killServer();
    await writeFile(join(dir, 'jobs', 'jobs', first.id, 'job.json'), before);
    await appendFile(join(dir, 'jobs', 'jobs', first.id, 'events.jsonl'), '{"id":"torn');
    jobs = await open();
    const again = await training(0);
    expect(again.words).toContain('--resume');
    again.step(1, 3);
    again.step(2, 3);
    await again.finish();
    await becomes(first.id, 'succeeded');
    const steps = (await messages(first.id)).filter((message) => message.startsWith('Step'));
    expect(steps).toEqual(['Step 2/3: training loss=1.0000', 'Step 1/3: training loss=1.0000']);
    expect((await training(1)).words).not.toContain('--resume');
    // The line that was cut off takes no other with it.
    const starts = (await messages(first.id)).filter((message) => message === 'Fine-tuning job started');
    expect(starts).toHaveLength(2);
  });

  it('goes on with what ran when the server before it ended in order', async () => {
    const { id } = await create();
    const process = await training(0);
    const closing = jobs[Symbol.asyncDispose]();
    expect(process.asked).toEqual(['stop']);
    process.tell({ kind: 'finished', result: { steps: 1, interrupted: true, targetTokens: 1 } });
    process.exit(130);
    await closing;
    expect(jobs.find(id)).toMatchObject({ status: 'running', error: null, process: null });
    jobs = await open();
    await (await training(0)).finish();
    await becomes(id, 'succeeded');
  });

  it('ends a training that the server before it has left', async () => {
    const { id } = await create();
    await training(0);
    const record = join(dir, 'jobs', 'jobs', id, 'job.json');
    await killServer();
    const left = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const ended = once(left, 'exit');
    const job = JSON.parse(await readFile(record, 'utf8')) as object;
    await writeFile(record, JSON.stringify({ ...job, status: 'running', process: await markOf(left.pid ?? 0) }));
    jobs = await open();
    expect((await ended)[1]).toBe('SIGKILL');
    await training(0);
  });

  it('is not let in while another uses the folder', async () => {
    await expect(Jobs.open({ ...optionsOf(dir), start: trainings.start })).rejects.toMatchObject({ code: 'JOBS_BUSY' });
  });

  it('serves a job that was trained and not served', async () => {
    refusal = new Error('the server ends');
    const { id } = await create();
    const process = await training(0);
    const record = join(dir, 'jobs', 'jobs', id, 'job.json');
    await process.finish();
    await soon(() => expect(statusOf(id)).toBe('failed'));
    const trained = { ...jobs.find(id), status: 'running', error: null, finishedAt: null };
    await jobs[Symbol.asyncDispose]();
    await writeFile(record, JSON.stringify(trained));
    refusal = undefined;
    jobs = await open();
    await becomes(id, 'succeeded');
    expect([trainings.all.length, served.length]).toEqual([0, 1]);
  });

  it('refuses a folder with a record that cannot be read, and names it', async () => {
    const { id } = await create();
    await killServer();
    const record = join(dir, 'jobs', 'jobs', id, 'job.json');
    const whole = await readFile(record, 'utf8');
    await writeFile(record, whole.slice(0, 40));
    await expect(open()).rejects.toThrow(record);
    await writeFile(record, whole);
    jobs = await open();
  });
});

describe('a file', () => {
  it('is kept if every line is a row', async () => {
    const { id, bytes } = await upload();
    expect(bytes).toBe((await stat(jobs.files.pathOf(id))).size);
    expect(await readdir(jobs.staging)).toEqual([]);
  });

  it.each([
    ['', 'rows.jsonl has no rows'],
    ['{"messages":[]}\n', 'rows.jsonl'],
    ['{"prompt":"a","completion":"b"}\n{"prompt":"a"}\n', 'line 2'],
    ['[{"prompt":"a","completion":"b"}]', 'one JSON object on each line'],
    ['\u001f\u008b', ''],
  ])('is refused by its line: %j', async (text, problem) => {
    const refused = await upload(text).catch((error: unknown) => error);
    expect(EspalierError.isInstance(refused) && refused.code).toMatch(/^DATA_/);
    expect(String(refused)).toContain(problem);
    expect(String(refused)).not.toContain(dir);
    expect(jobs.files.list()).toEqual([]);
  });

  it('is refused where there is no room, by number and by size', async () => {
    await jobs[Symbol.asyncDispose]();
    jobs = await open({ limits: { count: 2, bytes: 1000 } });
    const line = '{"prompt":"a","completion":"b"}\n';
    await upload(line.repeat(10));
    await expect(upload(line.repeat(30))).rejects.toMatchObject({ code: 'JOB_FILES_FULL' });
    await upload(line);
    await expect(upload(line)).rejects.toThrow('3 files');
    expect(jobs.files.list()).toHaveLength(2);
  });

  it('stays while a job needs it', async () => {
    const file = await upload();
    const { id } = await create({ trainingFile: file.id });
    await expect(jobs.removeFile(file.id)).rejects.toMatchObject({ code: 'JOB_FILE_IN_USE' });
    await jobs.command(id, 'cancel');
    await jobs.removeFile(file.id);
    expect([jobs.files.find(file.id), await readdir(join(dir, 'jobs', 'files'))]).toEqual([undefined, []]);
  });
});

function optionsOf(folder: string): Parameters<typeof Jobs.open>[0] {
  return {
    dir: join(folder, 'jobs'),
    base: { base: '/base', chatTemplate: undefined },
    serve: () => Promise.resolve(),
    post: () => Promise.resolve(200),
    timers: { after: () => () => undefined },
  };
}
