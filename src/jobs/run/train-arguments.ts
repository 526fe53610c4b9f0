import type { JobRecord } from '../records/job-record.ts';
import { defaultLearningRate } from '../../train/index.ts';

/** Where a training finds what it reads, and puts what it writes. */
export interface TrainPlaces {
  readonly base: string;
  readonly chatTemplate: string | undefined;
  /** The adapter with which it begins. */
  readonly initAdapter: string | undefined;
  readonly data: string;
  readonly evalData: string | undefined;
  readonly output: string;
  /** Whether an earlier process left a checkpoint. */
  readonly isBegun: boolean;
}

/** Checkpoints that a training keeps on the disk. */
const keptCheckpoints = 3;
/** About so many checkpoints are written in a training: seldom enough that they cost little, and so that little is done twice. */
const checkpointsOfJob = 20;

/** Steps between two checkpoints. */
export function saveStepsOf({
  hyperparameters: { nEpochs, batchSize },
  rows,
}: Pick<JobRecord, 'hyperparameters' | 'rows'>): number {
  const steps = Math.ceil((rows ?? 1) / batchSize) * nEpochs;
  return Math.max(1, Math.ceil(steps / checkpointsOfJob));
}

/**
 * The command line of a job's training, after `espalier`. Pure. When it is started again, `--resume` makes it begin where the last
 * checkpoint is, and end in the same bytes.
 */
export function trainArguments(job: JobRecord, places: TrainPlaces): string[] {
  const { nEpochs, batchSize, learningRateMultiplier } = job.hyperparameters;
  const saveSteps = String(saveStepsOf(job));
  const { base, initAdapter, data, evalData, output, chatTemplate, isBegun } = places;
  return [
    'train',
    '--base',
    base,
    ...(initAdapter === undefined ? [] : ['--init-adapter', initAdapter]),
    '--data',
    data,
    '--output',
    output,
    ...(evalData === undefined ? [] : ['--eval-data', evalData, '--eval-steps', saveSteps]),
    ...(chatTemplate === undefined ? [] : ['--chat-template', chatTemplate]),
    `--epochs=${nEpochs}`,
    `--batch-size=${batchSize}`,
    `--learning-rate=${defaultLearningRate.lora * learningRateMultiplier}`,
    `--seed=${job.seed}`,
    `--save-steps=${saveSteps}`,
    `--keep=${keptCheckpoints}`,
    '--save-adapters',
    // WHY: a job must outlive an upgrade of the server. The training says so where the result may have other bits.
    ...(isBegun ? ['--resume', '--allow-changed=library,processor'] : []),
    `--threads=${job.threads}`,
    '--json-events',
    '--end-with-input',
  ];
}
