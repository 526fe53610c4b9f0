import { EspalierError, option } from '../../core/index.ts';
import { openBaseModel, verifyWeights, type BaseModel } from '../../models/index.ts';
import { checkFixedBatch, checkFullBatches } from './check-fixed-batch.ts';
import { adapterTrainable } from '../graph/adapter-trainable.ts';
import { defaultLearningRate, defaultMaxLength, type TrainConfig } from '../config/train-config.ts';
import { fullTrainable } from '../graph/full-trainable.ts';
import type { Objective } from '../graph/objective.ts';
import { openBatches } from '../data/open-batches.ts';
import { countSteps } from '../data/step-plan.ts';
import { ofAllRanks, wholeShare, type RankShare } from '../ranks/rank-share.ts';
import type { MemoryChoice } from '../memory/sparing-settings.ts';
import type { Trainable } from '../graph/trainable.ts';
import type { BatchSource } from '../data/batch-source.ts';
import type { ChosenTokenizer } from '../../tokenizer/index.ts';
import { headModules } from '../graph/whole-parameters.ts';

/** Everything that is read and checked before the first weight is loaded. `dispose` closes the files of the rows. */
export interface TrainingInputs extends AsyncDisposable {
  readonly config: TrainConfig;
  readonly base: BaseModel;
  readonly trainable: Trainable;
  readonly objective: Objective;
  readonly data: BatchSource;
  readonly evalData: BatchSource | undefined;
  readonly steps: number;
  readonly maxLength: number;
  readonly learningRate: number;
  /** The tokenizer of the rows, and what the result needs to be served with it. */
  readonly chosen: ChosenTokenizer;
  /** How it fits into `memoryLimit`, if the settings have one. */
  readonly memory?: MemoryChoice;
}

export interface ReadInputsOptions {
  readonly signal?: AbortSignal;
  /** The base, if it is open and its weights are verified. Default: that of the settings. */
  readonly base?: BaseModel;
  /** The part of each batch that this process takes. Default: all of it. */
  readonly share?: RankShare;
}

/**
 * Reads and checks everything that the settings name.
 * @throws EspalierError TRAIN_CONFIG_INVALID; the errors of the base, the adapter, the tokenizer and the data
 */
export async function readTrainingInputs(
  settings: TrainConfig,
  { signal, base: given, share = wholeShare }: ReadInputsOptions,
): Promise<TrainingInputs> {
  const base = given ?? (await openBaseModel(settings.base, { labels: settings.labels }));
  const config = withHead(settings, base);
  checkFixedBatch(base, config, share);
  checkLocalSteps(config, share);
  const maxLength = lengthFor(config, base);
  const trainable = config.full ? fullTrainable(base, config) : await adapterTrainable(base, config);
  const { objective, data, evalData, chosen } = await openBatches(base, config, { maxLength, signal });
  const close = async (): Promise<void> => {
    await data[Symbol.asyncDispose]();
    await evalData?.[Symbol.asyncDispose]();
  };
  try {
    checkFullBatches(base, { data: data.count, evalData: evalData?.count }, share);
    if (given === undefined) await verifyWeights(base, signal === undefined ? {} : { signal });
  } catch (error) {
    await close();
    throw error;
  }
  const steps = countSteps(data.count, ofAllRanks(config, share));
  const learningRate = config.learningRate ?? defaultLearningRate[config.full ? 'full' : 'lora'];
  const read = { config, base, trainable, objective, data, evalData, steps, maxLength, learningRate, chosen };
  return { ...read, [Symbol.asyncDispose]: close };
}

/**
 * Opens a base for several trainings, and reads its weights once.
 * @throws EspalierError the errors of the base, MODEL_WEIGHTS_NOT_FINITE
 */
export async function openVerifiedBase(
  { base: path, labels }: Pick<TrainConfig, 'base' | 'labels'>,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<BaseModel> {
  const base = await openBaseModel(path, { labels });
  await verifyWeights(base, signal === undefined ? {} : { signal });
  return base;
}

/** A new head is always trained as a whole. */
function withHead(config: TrainConfig, base: BaseModel): TrainConfig {
  const isGiven = config.modulesToSave !== undefined || config.initAdapter !== undefined;
  return base.headWeights === undefined || isGiven ? config : { ...config, modulesToSave: headModules(base) };
}

/** @throws EspalierError TRAIN_CONFIG_CONFLICT */
function checkLocalSteps({ localSteps }: TrainConfig, { worldSize, batchRanks }: RankShare): void {
  if (localSteps === undefined || (worldSize > 1 && worldSize === batchRanks)) return;
  const first = option('localSteps');
  if (worldSize === 1 && batchRanks === 1) {
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', {
      first,
      second: 'one process',
      reason: 'there is nothing to merge',
    });
  }
  const [second, reason] = [
    `${worldSize} processes`,
    `the training began with ${batchRanks}, of which each took its own steps`,
  ];
  throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first, second, reason });
}

function lengthFor({ maxLength }: TrainConfig, base: BaseModel): number {
  const { maxPositions } = base.config;
  if (maxLength !== undefined && maxLength > maxPositions) {
    const expected = `at most ${maxPositions}, the longest sequence of ${base.dir}`;
    throw new EspalierError('TRAIN_CONFIG_INVALID', { option: option('maxLength'), expected, actual: maxLength });
  }
  return maxLength ?? Math.min(maxPositions, defaultMaxLength);
}
