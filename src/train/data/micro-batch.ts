import type { TensorData } from '../../tensor/index.ts';
import { packRows, padRows, type Batch, type CollateOptions } from './collate.ts';
import type { Example } from './example.ts';

/** Rows for one forward and backward pass. */
export interface MicroBatch {
  /** By the names of the graph's inputs. */
  readonly feeds: ReadonlyMap<string, TensorData>;
  /** The number of items over which the loss is a mean: target tokens, or labelled rows. */
  readonly targets: number;
  /** Number of tokens without padding; number of rows if rows are not made of tokens. */
  readonly tokens: number;
  /**
   * The place of each row among all rows of its step, whatever the passes and ranks that they are divided into. It determines the dropout
   * masks of the row. Absent outside of a step.
   */
  readonly places?: readonly number[];
  /** Of the batches of its step, the number of the one that its rows are from. Absent outside of a step. */
  readonly batch?: number;
}

export interface MicroBatchOptions extends CollateOptions {
  /** Rows end to end, for a graph that is packed. */
  readonly packed: boolean;
}

/**
 * Puts examples into one pass. WHY the length is not rounded up: the runtime keeps no plan for a shape, so a repeated shape is not
 * faster. Multiples of 8 to 32 were measured and made no difference.
 */
export function createMicroBatch(examples: readonly Example[], { packed, ...options }: MicroBatchOptions): MicroBatch {
  const { feeds, batch } = packed ? packedFeeds(examples, options) : paddedFeeds(examples, options);
  const targets = batch.targetIds.length;
  return {
    feeds: new Map([
      ...feeds,
      ['target_rows', int64Tensor(batch.targetRows, [targets])],
      ['target_ids', int64Tensor(batch.targetIds, [targets])],
    ]),
    targets,
    tokens: examples.reduce((sum, { inputIds }) => sum + inputIds.length, 0),
  };
}

interface Fed {
  readonly feeds: readonly [string, TensorData][];
  readonly batch: Batch;
}

function paddedFeeds(examples: readonly Example[], options: CollateOptions): Fed {
  const batch = padRows(examples, options);
  return { batch, feeds: [['input_ids', int64Tensor(batch.inputIds, [batch.rows, batch.longest])]] };
}

function packedFeeds(examples: readonly Example[], options: CollateOptions): Fed {
  const batch = packRows(examples, options);
  const rectangle = BigInt64Array.of(BigInt(batch.rows), BigInt(batch.longest));
  return {
    batch,
    feeds: [
      ['input_ids', int64Tensor(batch.inputIds, [batch.inputIds.length])],
      ['rectangle', int64Tensor(rectangle, [2])],
      ['token_places', int64Tensor(batch.places, [batch.places.length])],
    ],
  };
}

/** A tensor over these numbers; they are not copied. */
export function int64Tensor(values: BigInt64Array, shape: readonly number[]): TensorData {
  return { dtype: 'int64', shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}
