import { createBatches } from './batches.ts';

export interface StepPlanOptions {
  readonly batchSize: number;
  /** Micro-batches in one optimizer step. */
  readonly accumulate: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly maxSteps?: number | undefined;
  readonly epochs?: number | undefined;
}

/** How many optimizer steps a training takes: one epoch unless told otherwise; with both limits, what comes first. */
export function countSteps(examples: number, options: StepPlanOptions): number {
  const { batchSize, accumulate, maxSteps, epochs = maxSteps === undefined ? 1 : Infinity } = options;
  const perEpoch = Math.ceil(Math.ceil(examples / batchSize) / accumulate);
  return Math.min(maxSteps ?? Infinity, epochs * perEpoch);
}

/**
 * Deals the examples into optimizer steps, epoch after epoch: for each step its micro-batches. An epoch's last step may
 * have fewer of them; nothing is left out, and no step reaches into the next epoch.
 */
export function* planSteps<Row>(
  examples: readonly Row[],
  options: StepPlanOptions,
): Generator<readonly (readonly Row[])[]> {
  const total = countSteps(examples.length, options);
  for (let step = 0, epoch = 0; step < total; epoch++) {
    const batches = createBatches(examples, { ...options, epoch });
    for (let at = 0; at < batches.length && step < total; at += options.accumulate, step++) {
      yield batches.slice(at, at + options.accumulate);
    }
  }
}
