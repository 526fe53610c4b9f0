import type { BaseModel } from '../models/index.ts';
import { measureBatch } from './data/batches.ts';
import type { Example } from './data/example.ts';
import type { DataAccount, Dataset } from './data/read-examples.ts';
import { createMicroBatch, type MicroBatch } from './micro-batch.ts';
import { splitByLength } from './split-by-length.ts';
import { planSteps, type StepPlanOptions } from './step-plan.ts';

/** Rows that were read and checked, whatever they are made of: all that a training and an evaluation ask of them. */
export interface TrainingData {
  readonly account: DataAccount;
  /** How many rows there are. */
  readonly count: number;
  /** For each optimizer step its micro-batches. Each is made when it is asked for. */
  steps(plan: StepPlanOptions): Iterable<readonly MicroBatch[]>;
  /** Every row once, rows of like length side by side. */
  batches(batchSize: number): Iterable<MicroBatch>;
}

/** How rows of one kind become batches. */
export interface RowHandling<Row> {
  /** What a row costs in a batch, in tokens; batches are as wide as their longest row. */
  readonly lengthOf: (row: Row) => number;
  readonly collate: (rows: readonly Row[]) => MicroBatch;
}

export function createTrainingData<Row>(
  { examples, account }: { readonly examples: readonly Row[]; readonly account: DataAccount },
  { lengthOf, collate }: RowHandling<Row>,
): TrainingData {
  return {
    account,
    count: examples.length,
    *steps(plan) {
      for (const batches of planSteps(examples, plan)) {
        yield batches.flatMap((batch) => splitByLength(batch, lengthOf)).map(collate);
      }
    },
    *batches(batchSize) {
      const sorted = examples.toSorted((a, b) => lengthOf(a) - lengthOf(b));
      for (let at = 0; at < sorted.length; at += batchSize) yield collate(sorted.slice(at, at + batchSize));
    },
  };
}

/**
 * Rows of tokens of which some are to be predicted.
 *
 * @param base  where a row's length matters, batches stay together and rows whole, as other trainers have them
 */
export function tokenData(dataset: Dataset, { config }: Pick<BaseModel, 'config'>): TrainingData {
  const whole = config.lengthMatters === true;
  return createTrainingData<Example>(dataset, {
    lengthOf: (example) => (whole ? 1 : measureBatch([example]).seq),
    collate: (examples) => createMicroBatch(examples, { whole }),
  });
}
