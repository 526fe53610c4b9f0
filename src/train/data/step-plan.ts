import { batchOf, drawGroupedOrder, drawOrder } from './batches.ts';

export interface StepPlanOptions {
  readonly batchSize: number;
  /** Micro-batches in one optimizer step. */
  readonly accumulate: number;
  readonly shuffle: boolean;
  /** Whether rows of similar length are in the same batch. */
  readonly groupByLength?: boolean | undefined;
  readonly seed: number;
  readonly maxSteps?: number | undefined;
  readonly epochs?: number | undefined;
}

/** A place between two steps in the order of the data. */
export interface DataPosition {
  /** Counted from 0. */
  readonly epoch: number;
  /** Batches of the epoch that have been taken. */
  readonly batch: number;
}

/** The position at which a plan begins. */
export interface PlanStart {
  /** Number of earlier steps. */
  readonly step: number;
  readonly position: DataPosition;
}

/** The rows of one optimizer step, by their numbers. */
export interface PlannedRows {
  /** For each micro-batch its rows. */
  readonly batches: readonly (readonly number[])[];
  /** The position at which the next step begins. */
  readonly next: DataPosition;
}

export const planStart: PlanStart = { step: 0, position: { epoch: 0, batch: 0 } };

/** The number of optimizer steps of a training: one epoch by default; with both limits, the smaller number. */
export function countSteps(rows: number, options: StepPlanOptions): number {
  const { batchSize, accumulate, maxSteps, epochs = maxSteps === undefined ? 1 : Infinity } = options;
  const perEpoch = Math.ceil(Math.ceil(rows / batchSize) / accumulate);
  return Math.min(maxSteps ?? Infinity, epochs * perEpoch);
}

/**
 * Divides the numbers of rows into optimizer steps and their micro-batches, epoch after epoch. The last step of an epoch may have fewer
 * micro-batches. No row is left out, and no step reaches into the next epoch.
 *
 * @param rows  how many there are
 * @param lengthOf  tokens of a row, by its number
 */
export async function* planSteps(
  rows: number,
  options: StepPlanOptions,
  start: PlanStart = planStart,
  lengthOf: (row: number) => number = () => 1,
): AsyncGenerator<PlannedRows> {
  const total = countSteps(rows, options);
  const perEpoch = Math.ceil(rows / options.batchSize);
  let { epoch, batch } = start.position;
  for (let step = start.step; step < total; epoch++, batch = 0) {
    const { batchSize } = options;
    const order = options.groupByLength
      ? await drawGroupedOrder(rows, { ...options, epoch }, { batchSize, lengthOf })
      : await drawOrder(rows, { ...options, epoch });
    for (; batch < perEpoch && step < total; step++) {
      const end = Math.min(batch + options.accumulate, perEpoch);
      const first = batch;
      const batches = Array.from({ length: end - first }, (_, i) => batchOf(first + i, { rows, batchSize, order }));
      yield { batches, next: end === perEpoch ? { epoch: epoch + 1, batch: 0 } : { epoch, batch: end } };
      batch = end;
    }
  }
}
