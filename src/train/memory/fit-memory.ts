import { EspalierError, option } from '../../core/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';
import { memorySizeOf } from './memory-size.ts';
import { settingsIn, sparingSettings, type MemoryChoice, type SparingSettings } from './sparing-settings.ts';

/** Predicts the peak of a training in bytes. */
export type PredictMemory = (
  inputs: TrainingInputs,
) => Promise<{ readonly memory: { readonly peak: number; readonly unknown: number } }>;

/**
 * Chooses the fastest way to take the same steps within `memoryLimit`, and puts it into the settings. Without a limit nothing changes.
 *
 * @param began  the fingerprint of the training that is gone on with: what was chosen then is chosen again, so that its bits are the same
 * @throws EspalierError TRAIN_MEMORY_LIMIT if nothing fits, with the least that the training needs
 */
export async function fitMemory(
  inputs: TrainingInputs,
  predict: PredictMemory,
  began?: { readonly settings: Readonly<Record<string, string>> },
): Promise<TrainingInputs> {
  const { config, base } = inputs;
  if (config.memoryLimit === undefined) return inputs;
  const limit = memorySizeOf(config.memoryLimit);
  // WHY not with groups of length: their order depends on the number of rows in a batch.
  const divides = base.fixedBatch === undefined && config.groupByLength !== true;
  const before = began && settingsIn(began.settings);
  let least = { predicted: Infinity, rows: config.batchSize };
  for (const settings of before ? [before] : sparingSettings(config, { divides })) {
    const { memory } = await predict(withSettings(inputs, settings));
    const predicted = memory.peak;
    if (predicted <= limit) return withChoice(inputs, { ...settings, limit, predicted });
    if (predicted < least.predicted) least = { predicted, rows: settings.batchSize };
  }
  throw new EspalierError('TRAIN_MEMORY_LIMIT', {
    option: option('memoryLimit'),
    limit: config.memoryLimit,
    least: `${Math.ceil(least.predicted / 1e6)}MB`,
    rows: least.rows,
  });
}

/** The same training as it was chosen. It shares everything that was read. */
export function withChoice(inputs: TrainingInputs, memory: MemoryChoice): TrainingInputs {
  return { ...withSettings(inputs, memory), memory };
}

function withSettings(inputs: TrainingInputs, settings: SparingSettings): TrainingInputs {
  const { recompute, pack, batchSize, accumulate } = settings;
  const config: TrainConfig = { ...inputs.config, recompute, pack, batchSize, accumulate };
  return { ...inputs, config };
}
