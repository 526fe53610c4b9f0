import { EspalierError, option } from '../../core/index.ts';
import type { BaseModel } from '../../models/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import { wholeShare, type RankShare } from '../ranks/rank-share.ts';

/** @throws EspalierError TRAIN_CONFIG_INVALID if micro-batches have another number of rows than the base takes */
export function checkFixedBatch(
  { fixedBatch, dir }: BaseModel,
  { batchSize }: Pick<TrainConfig, 'batchSize'>,
  { worldSize, batchRanks }: RankShare = wholeShare,
): void {
  if (fixedBatch === undefined) return;
  if (worldSize !== batchRanks) {
    const why = `input ${fixedBatch.input} of the model in ${dir} takes exactly ${fixedBatch.rows} rows at once`;
    const expected = `${batchRanks}, with which the training began, because ${why}`;
    throw new EspalierError('GROUP_SETTINGS_INVALID', { name: 'WORLD_SIZE', expected, actual: worldSize });
  }
  if (fixedBatch.rows === batchSize) return;
  const { input, rows } = fixedBatch;
  const why = `input ${input} of the model in ${dir} takes exactly so many rows at once; for another number, export it again with a dynamic batch axis`;
  throw new EspalierError('TRAIN_CONFIG_INVALID', {
    option: option('batchSize'),
    expected: `${rows} (${why})`,
    actual: batchSize,
  });
}

/** @throws EspalierError TRAIN_CONFIG_INVALID if the last micro-batch would be smaller than the base takes */
export function checkFullBatches(
  { fixedBatch }: BaseModel,
  counts: { readonly data: number; readonly evalData: number | undefined },
  { worldSize }: RankShare = wholeShare,
): void {
  if (fixedBatch === undefined) return;
  for (const name of ['data', 'evalData'] as const) {
    const count = counts[name] ?? 0;
    // WHY not for held-out rows: ranks share their batches, and not the rows of a batch.
    const multiple = fixedBatch.rows * (name === 'data' ? worldSize : 1);
    if (count % multiple === 0) continue;
    const ranks = multiple === fixedBatch.rows ? '' : `, on each of ${worldSize} ranks`;
    const expected = `a multiple of ${multiple} rows, because input ${fixedBatch.input} of the base takes exactly ${fixedBatch.rows} rows at once${ranks}`;
    throw new EspalierError('TRAIN_CONFIG_INVALID', { option: option(name), expected, actual: `${count} rows` });
  }
}
