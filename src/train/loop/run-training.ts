import { join } from 'node:path';
import { systemClock, type Clock } from '../../core/index.ts';
import type { Environment } from '../../runtime/index.ts';
import { parameterCount } from '../../models/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import { MetricsWriter } from '../report/metrics.ts';
import { StagedFolder } from '../../files/index.ts';
import { readTrainingInputs, type TrainingInputs } from './training-inputs.ts';
import type { TrainEvent, TrainPlan, TrainResult } from '../report/train-result.ts';
import { TrainingRun } from './training-run.ts';

export interface RunTrainingOptions {
  readonly environment: Environment;
  /** Ends the training after the step under way, and saves what has been trained. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  readonly clock?: Clock;
}

/**
 * Trains as the settings say, and writes the output folder whole or not at all: an adapter in PEFT's layout, or a whole
 * model, with `metrics.jsonl` inside. The base is only read.
 *
 * @throws EspalierError OUTPUT_EXISTS before anything else; those of the base, the adapter and the data; TRAIN_NOT_FINITE,
 *   TRAIN_STUCK; the signal's reason when it is aborted before the first step has ended
 */
export async function runTraining(config: TrainConfig, options: RunTrainingOptions): Promise<TrainResult> {
  const folder = await StagedFolder.begin(config.output, { exclusive: true });
  try {
    const { signal } = options;
    signal?.throwIfAborted();
    const prepared = await readTrainingInputs(config, signal === undefined ? {} : { signal });
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
  folder: StagedFolder,
  metrics: MetricsWriter,
  prepared: TrainingInputs,
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

function planOf(prepared: TrainingInputs, trainableParameters: number): TrainPlan {
  const { base, trainable, data, evalData, steps, maxLength, learningRate } = prepared;
  const baseParameters = [...base.weights.values()].reduce((sum, weight) => sum + parameterCount(weight), 0);
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
