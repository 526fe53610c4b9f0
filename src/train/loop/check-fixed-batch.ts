import { EspalierError, option } from '../../core/index.ts';
import type { BaseModel } from '../../models/index.ts';
import type { TrainConfig } from '../config/train-config.ts';

/** @throws EspalierError TRAIN_CONFIG_INVALID if micro-batches have another number of rows than the base takes */
export function checkFixedBatch({ fixedBatch, dir }: BaseModel, { batchSize }: Pick<TrainConfig, 'batchSize'>): void {
  if (fixedBatch === undefined || fixedBatch.rows === batchSize) return;
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
): void {
  if (fixedBatch === undefined) return;
  for (const name of ['data', 'evalData'] as const) {
    const count = counts[name] ?? 0;
    if (count % fixedBatch.rows === 0) continue;
    const expected = `a multiple of ${fixedBatch.rows} rows, because input ${fixedBatch.input} of the base takes exactly ${fixedBatch.rows} rows at once`;
    throw new EspalierError('TRAIN_CONFIG_INVALID', { option: option(name), expected, actual: `${count} rows` });
  }
}
