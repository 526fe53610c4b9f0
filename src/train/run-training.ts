import { join } from 'node:path';
import { EspalierError, systemClock, type Clock } from '../core/index.ts';
import { openBaseModel, verifyWeights, type BaseModel } from '../models/index.ts';
import type { Environment } from '../runtime/index.ts';
import { elementCount } from '../tensor/index.ts';
import { openTokenizer } from '../tokenizer/index.ts';
import { adapterTrainable } from './adapter-trainable.ts';
import { defaultLearningRate, defaultMaxLength, type TrainConfig } from './config/train-config.ts';
import { readExamples, type Dataset } from './data/read-examples.ts';
import { fullTrainable } from './full-trainable.ts';
import { MetricsWriter } from './metrics.ts';
import { OutputFolder } from './output-folder.ts';
import { countSteps } from './step-plan.ts';
import type { Trainable } from './trainable.ts';
import type { TrainEvent, TrainPlan, TrainResult } from './train-result.ts';
import { TrainingRun } from './training-run.ts';

export interface RunTrainingOptions {
  readonly environment: Environment;
  /** Ends the training after the step under way, and saves what has been trained. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  readonly clock?: Clock;
}

/** Everything that is read and checked before the first weight is loaded. */
export interface PreparedTraining {
  readonly config: TrainConfig;
  readonly base: BaseModel;
  readonly trainable: Trainable;
  readonly data: Dataset;
  readonly evalData: Dataset | undefined;
  readonly steps: number;
  readonly maxLength: number;
  readonly learningRate: number;
}

/**
 * Trains as the settings say, and writes the output folder whole or not at all: an adapter in PEFT's layout, or a whole
 * model, with `metrics.jsonl` inside. The base is only read.
 *
 * @throws EspalierError OUTPUT_EXISTS before anything else; those of the base, the adapter and the data; TRAIN_NOT_FINITE,
 *   TRAIN_STUCK; the signal's reason when it is aborted before the first step has ended
 */
export async function runTraining(config: TrainConfig, options: RunTrainingOptions): Promise<TrainResult> {
  const folder = await OutputFolder.begin(config.output);
  try {
    const { signal } = options;
    signal?.throwIfAborted();
    const prepared = await prepare(config, signal === undefined ? {} : { signal });
    const metrics = await MetricsWriter.create(join(folder.staging, 'metrics.jsonl'));
    try {
      return await trainInto(folder, metrics, prepared, options);
    } finally {
      await metrics.close();
    }
  } finally {
    await folder.discard();
  }
}

async function trainInto(
  folder: OutputFolder,
  metrics: MetricsWriter,
  prepared: PreparedTraining,
  options: RunTrainingOptions,
): Promise<TrainResult> {
  const { clock = systemClock, onEvent = () => undefined } = options;
  const begin = clock.now();
  using run = await TrainingRun.open(prepared, { ...options, metrics, onEvent });
  const plan = planOf(prepared, run.parameterCount);
  onEvent({ kind: 'planned', plan });
  const trace = await run.train();
  const result = join(folder.staging, 'result');
  await run.save(result);
  await metrics.moveInto(result);
  await folder.publish(result);
  return { output: folder.path, plan, ...trace, seconds: (clock.now() - begin) / 1000 };
}

async function prepare(config: TrainConfig, { signal }: { signal?: AbortSignal }): Promise<PreparedTraining> {
  const base = await openBaseModel(config.base);
  const maxLength = lengthFor(config, base);
  const trainable = config.full ? fullTrainable(base, config) : await adapterTrainable(base, config);
  const tokenizer = await openTokenizer(base.dir);
  const reading = { tokenizer, vocabSize: base.config.vocabSize, maxLength, ...(signal && { signal }) };
  const data = await readExamples(config.data, reading);
  const evalData = config.evalData === undefined ? undefined : await readExamples(config.evalData, reading);
  await verifyWeights(base, signal === undefined ? {} : { signal });
  const steps = countSteps(data.examples.length, config);
  const learningRate = config.learningRate ?? defaultLearningRate[config.full ? 'full' : 'lora'];
  return { config, base, trainable, data, evalData, steps, maxLength, learningRate };
}

function lengthFor({ maxLength }: TrainConfig, base: BaseModel): number {
  const { maxPositions } = base.config;
  if (maxLength !== undefined && maxLength > maxPositions) {
    const expected = `at most ${maxPositions}, the longest sequence of ${base.dir}`;
    throw new EspalierError('TRAIN_CONFIG_INVALID', { option: '--max-length', expected, actual: maxLength });
  }
  return maxLength ?? Math.min(maxPositions, defaultMaxLength);
}

function planOf(prepared: PreparedTraining, trainableParameters: number): TrainPlan {
  const { base, trainable, data, evalData, steps, maxLength, learningRate } = prepared;
  const baseParameters = [...base.weights.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return {
    trainableParameters,
    baseParameters,
    matched: trainable.matched,
    data: data.account,
    evalData: evalData?.account,
    steps,
    maxLength,
    learningRate,
  };
}
