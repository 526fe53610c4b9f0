import type { BaseModel } from '../../models/index.ts';
import { computedLength } from './collate.ts';
import type { Example } from './example.ts';
import type { DataAccount, Dataset } from './read-examples.ts';
import { createMicroBatch, type MicroBatch } from './micro-batch.ts';
import { packedCost, paddedCost, splitByLength, type PassCost } from './split-by-length.ts';
import { planSteps, type StepPlanOptions } from './step-plan.ts';

/** Rows that were read and checked, whatever they are made of: all that a training and an evaluation ask of them. */
export interface BatchSource {
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
  /** Tokens of a row; 1 where rows are not made of tokens. */
  readonly lengthOf: (row: Row) => number;
  /** Which rows are better off in passes of their own; those that are padded to the longest, where it is not said. */
  readonly costOf?: PassCost;
  readonly collate: (rows: readonly Row[]) => MicroBatch;
}

export function createBatchSource<Row>(
  { examples, account }: { readonly examples: readonly Row[]; readonly account: DataAccount },
  { lengthOf, costOf = paddedCost, collate }: RowHandling<Row>,
): BatchSource {
  return {
    account,
    count: examples.length,
    *steps(plan) {
      for (const batches of planSteps(examples, plan)) {
        yield batches.flatMap((batch) => splitByLength(batch, { lengthOf, costOf })).map(collate);
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
 * @param base  whether it takes rows end to end; where a row's length matters, batches stay together and rows whole, as other
 *              trainers have them
 */
export function tokenData(dataset: Dataset, { config, packsRows = false }: TokenBase): BatchSource {
  const whole = config.lengthMatters === true;
  return createBatchSource<Example>(dataset, {
    lengthOf: (example) => (whole ? 1 : computedLength(example)),
    costOf: packsRows ? packedCost(pairCostOf(config)) : paddedCost,
    collate: (examples) => createMicroBatch(examples, { whole, packed: packsRows }),
  });
}

type TokenBase = Pick<BaseModel, 'config' | 'packsRows'>;

/**
 * What attention between two tokens costs, as a share of what a token costs in the linear layers:
 *
 *   2 · (2 · heads·headDim) / (2·hidden·headDim·(heads + kvHeads) + 3·hidden·intermediate)
 *
 * WHY twice the share of the operations: these products are small, and scores are read and written several times; so it was measured
 * on a model of 0.4 B parameters.
 */
export function pairCostOf({
  hiddenSize,
  headDim,
  kvHeads,
  heads = kvHeads,
  intermediateSize,
}: BaseModel['config']): number {
  const inner = intermediateSize ?? 4 * hiddenSize;
  return (4 * heads * headDim) / (2 * hiddenSize * headDim * (heads + kvHeads) + 3 * hiddenSize * inner);
}
