import type { Environment } from '../../onnxruntime/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import { StepLoop } from '../loop/step-loop.ts';
import { readTrainingInputs } from '../loop/training-inputs.ts';
import { TrainingModel } from '../loop/training-model.ts';
import type { OptimizerName } from '../optimizer/create-optimizer.ts';
import { MeanOfLast } from './mean-of-last.ts';

/** An optimizer that is compared, and its learning rate. */
export interface ComparedOptimizer {
  readonly name: OptimizerName;
  readonly learningRate: number;
  /** Only for sgd. */
  readonly momentum?: number | undefined;
}

export interface CompareOptions {
  readonly environment: Environment;
  /** At least one. The first one is what the others are compared with. */
  readonly optimizers: readonly ComparedOptimizer[];
  /** Steps of the first optimizer, where no loss is given. The others may take three times as many. */
  readonly steps: number;
  /** The mean loss of five steps that is to be reached. Default: that of the last steps of the first optimizer. */
  readonly targetLoss?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (optimizer: ComparedOptimizer, step: number, loss: number) => void;
}

/** What an optimizer needed. */
export interface OptimizerFigures extends ComparedOptimizer {
  /** Bytes of its state. */
  readonly stateBytes: number;
  /** Resident memory of the process at the end, without that state. */
  readonly otherBytes: number;
  /** Steps until the mean of the last five losses was at most the target; undefined if it was not reached. */
  readonly steps: number | undefined;
  /** The mean of the last five losses. */
  readonly lastLoss: number;
  readonly secondsPerStep: number;
}

export interface OptimizerComparison {
  readonly targetLoss: number;
  readonly optimizers: readonly OptimizerFigures[];
}

/** How many times as many steps as the first one another optimizer may take. */
const patience = 3;

/**
 * Trains the same adapter, from the same start and on the same rows in the same order, with each optimizer, until a loss is reached.
 * Nothing is written.
 *
 * @param config  the training; its optimizer and its learning rate are those of `options`
 * @throws EspalierError the errors of a training; the signal's reason
 */
export async function compareOptimizers(config: TrainConfig, options: CompareOptions): Promise<OptimizerComparison> {
  const figures: OptimizerFigures[] = [];
  let { targetLoss } = options;
  for (const optimizer of options.optimizers) {
    const run = await takeSteps(config, { ...options, optimizer, targetLoss, steps: stepsOf(options, targetLoss) });
    targetLoss ??= run.lastLoss;
    const { stepsTo, ...measured } = run;
    figures.push({ ...measured, steps: stepsTo(targetLoss) });
  }
  return { targetLoss: targetLoss ?? NaN, optimizers: figures };
}

function stepsOf({ steps }: CompareOptions, targetLoss: number | undefined): number {
  return targetLoss === undefined ? steps : patience * steps;
}

interface Run extends Omit<OptimizerFigures, 'steps'> {
  /** The first step after which the mean of the last losses was at most this. */
  stepsTo(loss: number): number | undefined;
}

interface RunOptions extends CompareOptions {
  readonly optimizer: ComparedOptimizer;
}

async function takeSteps(
  given: TrainConfig,
  { environment, optimizer, steps, targetLoss = -Infinity, signal, onStep }: RunOptions,
): Promise<Run> {
  const { name, learningRate, momentum } = optimizer;
  const config = { ...given, optimizer: name, learningRate, momentum, maxSteps: steps, epochs: undefined };
  await using inputs = await readTrainingInputs(config, { ...(signal && { signal }) });
  using model = await TrainingModel.open(inputs);
  using loop = await StepLoop.open(inputs, model, { environment });
  const means: number[] = [];
  const mean = new MeanOfLast();
  const began = performance.now();
  for await (const { step, loss } of loop.steps(signal)) {
    means.push(mean.next(loss));
    onStep?.(optimizer, step, loss);
    if ((means.at(-1) ?? NaN) <= targetLoss) break;
  }
  signal?.throwIfAborted();
  const seconds = (performance.now() - began) / 1000;
  const stateBytes = Object.values(loop.current.optimizer.moments).reduce((sum, each) => sum + each.byteLength, 0);
  return {
    ...optimizer,
    stateBytes,
    otherBytes: process.memoryUsage().rss - stateBytes,
    lastLoss: means.at(-1) ?? NaN,
    secondsPerStep: seconds / means.length,
    stepsTo: (loss) => {
      const at = means.findIndex((each) => each <= loss);
      return at < 0 ? undefined : at + 1;
    },
  };
}
