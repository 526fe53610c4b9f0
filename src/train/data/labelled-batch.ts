import type { BaseModel } from '../../models/index.ts';
import type { TensorData } from '../../tensor/index.ts';
import { targetsOf, type LabelledExample } from './labelled-example.ts';
import { labelledLength, type LabelledDataset } from './read-labelled.ts';
import { int64Tensor, type MicroBatch } from './micro-batch.ts';
import { packedCost } from './split-by-length.ts';
import { createBatchSource, pairCostOf, type BatchSource } from './batch-source.ts';

export interface LabelledBatchOptions {
  /** Fills up short rows. */
  readonly padTokenId: number;
  /** Whether the graph reads segments. */
  readonly hasSegments: boolean;
}

/** Rows with labels, as a training takes them. */
export function labelledData(
  dataset: LabelledDataset,
  { padTokenId = 0, skipsPadding = false, config }: Pick<BaseModel, 'padTokenId' | 'skipsPadding' | 'config'>,
  { hasSegments }: Pick<LabelledBatchOptions, 'hasSegments'>,
): BatchSource {
  return createBatchSource(dataset, {
    lengthOf: labelledLength,
    ...(skipsPadding && { costOf: packedCost(pairCostOf(config)) }),
    collate: (rows) => createLabelledBatch(rows, { padTokenId, hasSegments }),
  });
}

/** Puts rows side by side: tokens padded on the right, with a mask that says so; other things as they are. */
export function createLabelledBatch(rows: readonly LabelledExample[], options: LabelledBatchOptions): MicroBatch {
  const tokens = rows.reduce((sum, row) => sum + (row.kind === 'tokens' ? row.inputIds.length : 1), 0);
  const feeds = new Map([...tokenFeeds(rows, options), ...tensorFeeds(rows), targetFeed(rows)]);
  return { feeds, targets: rows.reduce((sum, row) => sum + targetsOf(row), 0), tokens };
}

function tokenFeeds(
  rows: readonly LabelledExample[],
  { padTokenId, hasSegments }: LabelledBatchOptions,
): [string, TensorData][] {
  const tokens = rows.filter((row) => row.kind === 'tokens');
  if (tokens.length === 0) return [];
  const seq = Math.max(...tokens.map(({ inputIds }) => inputIds.length));
  const [ids, mask, types] = [0, 1, 2].map(() => new BigInt64Array(tokens.length * seq));
  if (ids === undefined || mask === undefined || types === undefined) throw new TypeError('three arrays');
  ids.fill(BigInt(padTokenId));
  for (const [row, { inputIds, typeIds }] of tokens.entries()) {
    for (const [i, id] of inputIds.entries()) {
      ids[row * seq + i] = BigInt(id);
      mask[row * seq + i] = 1n;
      types[row * seq + i] = BigInt(typeIds?.[i] ?? 0);
    }
  }
  const shape = [tokens.length, seq];
  return [
    ['input_ids', int64Tensor(ids, shape)],
    ['attention_mask', int64Tensor(mask, shape)],
    ...(hasSegments ? [['token_type_ids', int64Tensor(types, shape)] as [string, TensorData]] : []),
  ];
}

/** One behind the other along a new first axis. */
function tensorFeeds(rows: readonly LabelledExample[]): [string, TensorData][] {
  const tensors = rows.flatMap((row) => (row.kind === 'tensors' ? [row.inputs] : []));
  return [...(tensors[0] ?? [])].map(([name, { dtype, shape }]) => {
    const bytes = Buffer.concat(tensors.map((inputs) => inputs.get(name)?.bytes ?? new Uint8Array()));
    return [name, { dtype, shape: [tensors.length, ...shape], bytes }];
  });
}

function targetFeed(rows: readonly LabelledExample[]): [string, TensorData] {
  const [first] = rows;
  if (first?.target.kind === 'tokens') {
    const seq = Math.max(...rows.map(({ target }) => (target.kind === 'tokens' ? target.indices.length : 0)));
    const table = new BigInt64Array(rows.length * seq).fill(-100n);
    for (const [row, { target }] of rows.entries()) {
      if (target.kind === 'tokens') target.indices.forEach((index, i) => (table[row * seq + i] = BigInt(index)));
    }
    return ['labels', int64Tensor(table, [rows.length, seq])];
  }
  if (first?.target.kind !== 'numbers') {
    const labels = rows.map(({ target }) => BigInt(target.kind === 'classes' ? target.index : 0));
    return ['labels', int64Tensor(BigInt64Array.from(labels), [rows.length])];
  }
  const values = rows.map(({ target }) => (target.kind === 'numbers' ? target.values : new Float32Array()));
  const bytes = Buffer.concat(values.map((each) => new Uint8Array(each.buffer, each.byteOffset, each.byteLength)));
  // One number alone stands for a list of one.
  const shape = first.target.shape.length === 0 ? [1] : first.target.shape;
  return ['targets', { dtype: 'float32', shape: [rows.length, ...shape], bytes }];
}
