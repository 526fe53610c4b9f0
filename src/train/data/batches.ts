import { createRandom } from '../../core/index.ts';
import { ignoredLabel, type Example } from './example.ts';

export interface BatchOrder {
  readonly batchSize: number;
  /** Whether the order is drawn anew in each epoch; else it is that of the file. */
  readonly shuffle: boolean;
  readonly seed: number;
  /** Counted from 0. The order depends on nothing but (seed, epoch, number of examples). */
  readonly epoch: number;
}

/** Deals one epoch's examples into batches; every example is in exactly one, and the last may be smaller. */
export function createBatches<Row>(examples: readonly Row[], order: BatchOrder): readonly (readonly Row[])[] {
  const { batchSize, shuffle, seed, epoch } = order;
  const dealt = shuffle ? createRandom(seed, `shuffle/${epoch}`).shuffle([...examples]) : examples;
  return Array.from({ length: Math.ceil(dealt.length / batchSize) }, (_, i) =>
    dealt.slice(i * batchSize, (i + 1) * batchSize),
  );
}

/** How large the arrays of a batch are. */
export interface BatchSize {
  readonly batch: number;
  readonly seq: number;
  readonly targets: number;
}

/** Arrays with room for a batch, of which the first entries are used. */
export interface BatchArrays {
  /** [batch * seq], rows padded on the right */
  readonly inputIds: BigInt64Array;
  /** [targets] flat positions b * seq + t that predict a target */
  readonly targetRows: BigInt64Array;
  /** [targets] the token that follows each of those positions */
  readonly targetIds: BigInt64Array;
}

export type Batch = BatchSize & BatchArrays;

export interface CollateOptions {
  /** The least `seq`, for shapes that stay the same. */
  readonly padTo?: number;
  /** Stands behind the end of a row, where nothing looks: attention is causal, and no target is there. Default 0. */
  readonly padId?: number;
}

/**
 * Measures a batch. `seq` reaches to the last position that predicts a target: attention being causal, what follows
 * it changes nothing, so it is not computed.
 */
export function measureBatch(examples: readonly Example[], { padTo = 1 }: CollateOptions = {}): BatchSize {
  let seq = padTo;
  let targets = 0;
  for (const { labels } of examples) {
    for (let t = 0; t + 1 < labels.length; t++) {
      if (labels[t + 1] === ignoredLabel) continue;
      targets++;
      seq = Math.max(seq, t + 1);
    }
  }
  return { batch: examples.length, seq, targets };
}

/** Writes a batch of the given size into arrays that may be larger and are used again. Changes `arrays` only. */
export function fillBatch(
  examples: readonly Example[],
  { seq }: BatchSize,
  { inputIds, targetRows, targetIds }: BatchArrays,
  { padId = 0 }: CollateOptions = {},
): void {
  inputIds.fill(BigInt(padId), 0, examples.length * seq);
  let target = 0;
  for (const [row, example] of examples.entries()) {
    const start = row * seq;
    const length = Math.min(seq, example.inputIds.length);
    for (let t = 0; t < length; t++) {
      inputIds[start + t] = BigInt(example.inputIds[t] ?? padId);
      const label = example.labels[t + 1];
      if (label === undefined || label === ignoredLabel) continue;
      targetRows[target] = BigInt(start + t);
      targetIds[target] = BigInt(label);
      target++;
    }
  }
}

/** Makes a batch in arrays of its own. */
export function collate(examples: readonly Example[], options: CollateOptions = {}): Batch {
  const size = measureBatch(examples, options);
  const arrays = {
    inputIds: new BigInt64Array(size.batch * size.seq),
    targetRows: new BigInt64Array(size.targets),
    targetIds: new BigInt64Array(size.targets),
  };
  fillBatch(examples, size, arrays, options);
  return { ...size, ...arrays };
}
