import type { BaseModel } from '../../models/index.ts';
import { orderByLength } from './batches.ts';
import { computedLength } from './collate.ts';
import type { Example } from './example.ts';
import type { DataAccount } from './data-account.ts';
import type { ExampleSource } from './read-examples.ts';
import type { RowSource } from './row-source.ts';
import { partOf, wholeShare, type RankShare } from '../ranks/rank-share.ts';
import { createMicroBatch, type MicroBatch } from './micro-batch.ts';
import { packedCost, paddedCost, splitByLength, type PassCost } from './split-by-length.ts';
import { planSteps, type DataPosition, type PlanStart, type StepPlanOptions } from './step-plan.ts';

/** Rows of any kind that were read and checked, with the operations that a training and an evaluation need. */
export interface BatchSource extends AsyncDisposable {
  readonly account: DataAccount;
  /** The number of rows. */
  readonly count: number;
  /** The batches of each optimizer step, made when they are asked for. */
  steps(plan: StepPlanOptions, start?: PlanStart, share?: RankShare): AsyncIterable<StepBatches>;
  /** Every row once; rows of similar length are in the same batch. Of several ranks, each gets its part of the batches. */
  batches(batchSize: number, share?: RankShare): AsyncIterable<MicroBatch>;
}

/** The micro-batches of one optimizer step: those of this rank, none if it gets no row. */
export interface StepBatches {
  readonly microBatches: readonly MicroBatch[];
  /** The batches of which they are parts, those of which this rank has no row included. */
  readonly batches: number;
  /** The position in the data at which the next step begins. */
  readonly next: DataPosition;
}

/** How rows of one kind become batches. */
export interface RowHandling<Row> {
  /** Tokens of a row; 1 where rows are not made of tokens. */
  readonly lengthOf: (row: Row) => number;
  /** The cost of a pass, which decides how rows are divided into passes. Default: that of rows padded to the longest. */
  readonly costOf?: PassCost;
  readonly collate: (rows: readonly Row[]) => MicroBatch;
}

/** @param source  its lengths must be those of the handling */
export function createBatchSource<Row>(
  { rows, account }: { readonly rows: RowSource<Row>; readonly account: DataAccount },
  { lengthOf, costOf = paddedCost, collate }: RowHandling<Row>,
): BatchSource {
  return {
    account,
    count: rows.count,
    async *steps(plan, start, share = wholeShare) {
      for await (const { batches, next } of planSteps(rows.count, plan, start, (row) => rows.lengthOf(row))) {
        const microBatches: MicroBatch[] = [];
        let before = 0;
        for (const [number, batch] of batches.entries()) {
          const places = batch.map((_, place) => before + place);
          before += batch.length;
          const own = partOf(batch, share);
          if (own.length === 0) continue;
          const read = placed(await rows.read(own), partOf(places, share));
          const passes = splitByLength(read, { lengthOf: ({ row }) => lengthOf(row), costOf });
          microBatches.push(...passes.map((pass) => ({ ...collatePlaced(pass, collate), batch: number })));
        }
        yield { microBatches, batches: batches.length, next };
      }
    },
    async *batches(batchSize, { rank, worldSize } = wholeShare) {
      const order = await orderByLength(rows.count, (row) => rows.lengthOf(row));
      for (let at = rank * batchSize; at < order.length; at += worldSize * batchSize) {
        yield collate(await rows.read([...order.subarray(at, at + batchSize)]));
      }
    },
    [Symbol.asyncDispose]: () => rows[Symbol.asyncDispose](),
  };
}

interface PlacedRow<Row> {
  readonly row: Row;
  /** Its place among all rows of the step, those of other ranks included. */
  readonly place: number;
}

function placed<Row>(rows: readonly Row[], places: readonly number[]): PlacedRow<Row>[] {
  return rows.map((row, i) => ({ row, place: places[i] ?? NaN }));
}

function collatePlaced<Row>(pass: readonly PlacedRow<Row>[], collate: RowHandling<Row>['collate']): MicroBatch {
  return { ...collate(pass.map(({ row }) => row)), places: pass.map(({ place }) => place) };
}

/**
 * Rows of tokens, some of which are targets.
 *
 * @param base  whether it takes rows end to end
 */
export function tokenData(source: ExampleSource, base: TokenBase): BatchSource {
  const { config, packsRows = false } = base;
  const whole = config.lengthMatters === true;
  return createBatchSource<Example>(source, {
    lengthOf: tokenLength(base),
    costOf: packsRows ? packedCost(pairCostOf(config)) : paddedCost,
    collate: (examples) => createMicroBatch(examples, { whole, packed: packsRows }),
  });
}

/** WHY 1 if the length of a row affects the result: rows are then not divided into passes, as in other trainers. */
export function tokenLength({ config }: Pick<BaseModel, 'config'>): (example: Example) => number {
  return config.lengthMatters === true ? () => 1 : computedLength;
}

type TokenBase = Pick<BaseModel, 'config' | 'packsRows'>;

/**
 * The cost of attention between two tokens, as a fraction of the cost of a token in the linear layers:
 *
 *   2 · (2 · heads·headDim) / (2·hidden·headDim·(heads + kvHeads) + 3·hidden·intermediate)
 *
 * WHY twice the fraction of the operations: these products are small, and scores are read and written several times. The factor was
 * measured on a model of 0.4 B parameters.
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
