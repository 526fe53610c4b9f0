import type { JobRecord } from '../records/job-record.ts';

/** A job that waits, with what is given. */
export function someJob(given: Partial<JobRecord> = {}): JobRecord {
  return {
    id: 'ftjob-1',
    status: 'queued',
    createdAt: 1000,
    finishedAt: null,
    model: 'base',
    startVersion: null,
    trainingFile: 'file-1',
    validationFile: null,
    suffix: null,
    seed: 7,
    metadata: null,
    hyperparameters: { nEpochs: 3, batchSize: 8, learningRateMultiplier: 1 },
    fineTunedModel: 'ft:base::abc',
    adapter: null,
    rollout: null,
    threads: 1,
    rows: 100,
    isTrained: false,
    steps: null,
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
