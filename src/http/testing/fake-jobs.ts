import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { EspalierError } from '../../core/index.ts';
import type { FileRecord, JobControl, JobRecord } from '../../jobs/index.ts';

export function fakeJob(given: Partial<JobRecord> = {}): JobRecord {
  return {
    id: 'ftjob-1',
    status: 'running',
    createdAt: 1,
    finishedAt: null,
    model: 'base',
    startVersion: null,
    trainingFile: 'file-1',
    validationFile: null,
    suffix: null,
    seed: 0,
    metadata: null,
    hyperparameters: { nEpochs: 3, batchSize: 8, learningRateMultiplier: 1 },
    fineTunedModel: 'ft:base::1',
    adapter: null,
    rollout: null,
    threads: 1,
    rows: 1,
    isTrained: false,
    steps: 3,
    trainedTokens: null,
    resultFiles: [],
    error: null,
    owner: null,
    actor: 'address 127.0.0.1',
    trace: null,
    process: null,
    ...given,
  };
}

export function fakeFile(given: Partial<FileRecord> = {}): FileRecord {
  return { id: 'file-1', filename: 'rows.jsonl', purpose: 'fine-tune', bytes: 2, createdAt: 1, owner: null, ...given };
}

/** What the fake was told to do. */
export interface FakeJobs extends JobControl {
  readonly created: readonly Parameters<JobControl['create']>[0][];
}

/** Jobs that stay as they are given. */
export function fakeJobs({
  jobs = [],
  files = [],
}: { readonly jobs?: readonly JobRecord[]; readonly files?: readonly FileRecord[] } = {}): FakeJobs {
  const created: Parameters<JobControl['create']>[0][] = [];
  return {
    created,
    staging: tmpdir(),
    list: () => jobs,
    find: (id) => jobs.find((job) => job.id === id),
    create: async (asked) => {
      created.push(asked);
      const { seed, start, hyperparameters: _given, ...rest } = asked;
      return fakeJob({ ...rest, startVersion: start?.version ?? null, seed: seed ?? 0, status: 'validating_files' });
    },
    command: async (id, what) => {
      const job = jobs.find((one) => one.id === id) ?? fakeJob();
      if (what === 'resume') throw new EspalierError('JOB_STATE', { id, status: job.status, action: 'resumed' });
      return { ...job, status: what === 'pause' ? 'paused' : 'cancelled' };
    },
    events: () => Promise.resolve([]),
    checkpoints: () => Promise.resolve([]),
    removeFile: () => Promise.resolve(),
    files: {
      list: () => files,
      find: (id) => files.find((file) => file.id === id),
      put: async ({ filename, owner }) => fakeFile({ filename, owner }),
      open: () => Readable.from(['{}']),
    },
  };
}
