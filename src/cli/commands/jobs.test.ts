import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../http/app.ts';
import { fakeContext } from '../../http/testing/fake-context.ts';
import { fakeFile, fakeJob, fakeJobs, type FakeJobs } from '../../http/testing/fake-jobs.ts';
import { espalier } from '../testing/run-espalier.ts';

let dir: string;
let jobs: FakeJobs;
let app: ReturnType<typeof createApp>;
let server: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  jobs = fakeJobs({
    jobs: [
      fakeJob({
        id: 'ftjob-old',
        status: 'failed',
        createdAt: 86_400,
        finishedAt: 86_460,
        error: { code: 'job_failed', message: 'It ran out of memory.', param: null },
      }),
      ...Array.from({ length: 150 }, (_, at) => fakeJob({ id: `ftjob-${at}`, createdAt: 172_800 })),
      fakeJob({ id: 'ftjob-new', status: 'succeeded', createdAt: 172_800, fineTunedModel: 'ft:base:support:x7' }),
    ],
    files: [fakeFile()],
  });
  const context = fakeContext({ adapters: [] });
  app = createApp(context, { generation: context, jobs }, { adminKey: 'secret' });
  await app.listen({ host: '127.0.0.1', port: 0 });
  server = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await app.close();
  await rm(dir, { recursive: true });
});

function run(...words: string[]): ReturnType<typeof espalier> {
  return espalier(['jobs', ...words, '--server', server, '--admin-key', 'secret']);
}

describe('espalier jobs, on a running server', () => {
  it('lists all of them, page by page, the newest first', async () => {
    const lines = (await run('list')).stdout.trim().split('\n');
    expect(lines).toHaveLength(153);
    expect(lines[1]).toMatch(/^ftjob-new +succeeded +1970-01-03T00:00:00Z +ft:base:support:x7$/);
    expect(lines.at(-1)).toMatch(/^ftjob-old +failed +1970-01-02T00:00:00Z +-$/);
  });

  it('shows one, with its error', async () => {
    const { stdout } = await run('show', 'ftjob-old');
    expect(stdout).toContain('ftjob-old  failed\n');
    expect(stdout).toContain('It ran out of memory. [job_failed]');
    expect(JSON.parse((await run('show', 'ftjob-new', '--json')).stdout)).toMatchObject({
      fine_tuned_model: 'ft:base:support:x7',
      checkpoints: [],
    });
    expect((await run('events', 'ftjob-new')).stdout).toBe('no events\n');
  });

  it('sends rows and begins a job on the base that is served', async () => {
    const rows = join(dir, 'rows.jsonl');
    await writeFile(rows, '{"prompt":"a","completion":"b"}\n');
    const words = [
      '--validation',
      'file-1',
      '--epochs',
      '2',
      '--batch-size',
      'auto',
      '--learning-rate-multiplier',
      '0.5',
    ];
    const { exitCode: code, stdout } = await run(
      'create',
      rows,
      ...words,
      '--suffix',
      'support',
      '--seed',
      '7',
      '--adapter',
      'support',
    );
    expect([code, stdout.split('\n')[0]]).toEqual([0, 'ftjob-1  validating_files']);
    expect(jobs.created).toMatchObject([
      {
        model: 'base',
        trainingFile: 'file-1',
        validationFile: 'file-1',
        hyperparameters: { nEpochs: 2, batchSize: 'auto', learningRateMultiplier: 0.5 },
        suffix: 'support',
        seed: 7,
        adapter: 'support',
        rollout: null,
      },
    ]);
  });

  it('steers one', async () => {
    expect((await run('pause', 'ftjob-3')).stdout).toBe('ftjob-3 is paused\n');
    expect((await run('cancel', 'ftjob-3')).stdout).toBe('ftjob-3 is cancelled\n');
    const refused = await run('resume', 'ftjob-3');
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('it cannot be resumed')]);
  });

  it.each([
    [['show', 'ftjob-none'], 1, 'There is no fine-tuning job ftjob-none'],
    [['create', 'rows-that-are-not-there.jsonl'], 1, 'rows-that-are-not-there.jsonl'],
    [['create', 'file-1', '--epochs', 'many'], 2, '--epochs'],
    [['create', 'file-1', '--rollout', 'slow'], 2, 'immediate or progressive'],
    [['stop', 'ftjob-1'], 2, "Unknown command 'jobs stop'"],
  ])('refuses %j', async (words, code, problem) => {
    const answer = await run(...words);
    expect([answer.exitCode, answer.stderr]).toEqual([code, expect.stringContaining(problem)]);
    expect(jobs.created).toEqual([]);
  });
});
