import { join } from 'node:path';
import { z } from 'zod';
import { loadAdapter } from '../adapter-files/index.ts';
import type { ProcessGroup } from '../collectives/index.ts';
import { definedOnly } from '../core/index.ts';
import { openBaseModel } from '../models/index.ts';
import {
  planTraining as planOfTraining,
  resolveTrainOptions,
  runTraining,
  type TrainConfig,
  type TrainEvent,
  type TrainForecast,
  type TrainOptions,
  type TrainResult,
} from '../train/index.ts';
import { answerPrompts } from './answer-prompts.ts';
import { environmentOptions, readOptions, signal } from './read-options.ts';
import { shareEnvironment } from './shared-environment.ts';
import { withEvents } from './with-events.ts';

const runSchema = z.object({
  signal: signal.optional(),
  onEvent: z.custom<(event: TrainEvent) => void>((value) => typeof value === 'function', 'a function').optional(),
  ...environmentOptions,
});

/**
 * How a training runs. When `signal` aborts, the training ends after the current step and saves its result so far. `onEvent` is called
 * with the plan, each step, evaluation, sample and warning. `threads` is the number of threads that compute; the default
 * suits the cores and limits of the process. `provider` says where the training runs: 'auto', 'cpu' (the default), 'webgpu' or 'cuda'.
 * `deviceMemory` is the most bytes that it may hold on a device.
 */
export type TrainRunOptions = z.input<typeof runSchema>;

/** The result of a training, and the files that it wrote. */
export interface TrainedModel extends TrainResult {
  /** The file of the trained weights. */
  readonly weights: string;
  /** SHA-256 of the adapter's effect, by which a server identifies the version; undefined after a full training. */
  readonly version: string | undefined;
}

/** A training that runs: the promise of its result, with its events. */
export interface Training extends Promise<TrainedModel> {
  /**
   * What happens, as it happens; it ends with the training, or throws its error. Each event is given once. Leaving the loop does not end
   * the training; `signal` does. Of more than 4,096 events that nobody has read, the oldest are left out, and a warning says how many.
   */
  readonly events: AsyncIterable<TrainEvent>;
}

/**
 * Trains an adapter (with `full: true` every weight). The folder `output` appears complete or not at all.
 *
 * @throws EspalierError TRAIN_CONFIG_UNKNOWN, TRAIN_CONFIG_INVALID, TRAIN_CONFIG_CONFLICT, OPTION_UNKNOWN, OPTION_INVALID before
 *   anything is read; OUTPUT_EXISTS; the errors of the base and the data; TRAIN_NOT_FINITE, TRAIN_STUCK; the signal's reason if it is
 *   aborted before the first step has ended
 */
export function train(options: TrainOptions, run: TrainRunOptions = {}): Training {
  return withEvents(
    (message): TrainEvent => ({ kind: 'warned', message }),
    (heard) => trainWith(options, run, heard),
  );
}

async function trainWith(
  options: TrainOptions,
  run: TrainRunOptions,
  heard: (event: TrainEvent) => void,
): Promise<TrainedModel> {
  const config = resolveTrainOptions(options);
  const {
    threads,
    spinUs,
    provider: place,
    deviceMemory,
    signal: ending,
    onEvent,
  } = readOptions(runSchema, run, 'train');
  const told = (event: TrainEvent): void => {
    heard(event);
    onEvent?.(event);
  };
  const result = await trainConfigured(config, {
    onEvent: told,
    ...definedOnly({ threads, spinUs, provider: place, deviceMemory, signal: ending }),
  });
  const file = config.full ? 'model.safetensors' : 'adapter_model.safetensors';
  return { ...result, weights: join(result.output, file), version: await versionOf(config, result.output) };
}

/** Trains with settings that are checked, in the environment of the process. */
export async function trainConfigured(
  config: TrainConfig,
  run: TrainRunOptions & { readonly group?: ProcessGroup },
): Promise<TrainResult> {
  const { threads, spinUs, provider: place, deviceMemory, ...options } = run;
  using share = await shareEnvironment({ threads, spinUs, provider: place, deviceMemory });
  return await runTraining(config, { environment: share.environment, answer: answerPrompts, ...definedOnly(options) });
}

const planSchema = z.object({
  signal: signal.optional(),
  ...environmentOptions,
});

/** How a training is planned. `threads` as in `train`. */
export type PlanTrainingOptions = z.input<typeof planSchema>;

/**
 * Reads and checks what a training would read, and predicts its steps, its tokens and its peak memory in bytes. Nothing is trained or
 * written.
 *
 * @throws EspalierError the errors of `train` for its settings, the base and the data
 */
export async function planTraining(options: TrainOptions, plan: PlanTrainingOptions = {}): Promise<TrainForecast> {
  const config = resolveTrainOptions(options);
  return planConfigured(config, readOptions(planSchema, plan, 'planTraining'));
}

/** Plans with settings that are checked, for so many processes that train together. */
export async function planConfigured(
  config: TrainConfig,
  plan: PlanTrainingOptions & { readonly ranks?: number },
): Promise<TrainForecast> {
  // WHY: the memory of the process is then that with ONNX Runtime loaded, as in a training.
  using _ = await shareEnvironment(plan);
  return await planOfTraining(config, definedOnly({ signal: plan.signal, ranks: plan.ranks }));
}

async function versionOf(config: TrainConfig, output: string): Promise<string | undefined> {
  if (config.full) return undefined;
  const base = await openBaseModel(config.base, { labels: config.labels });
  return (await loadAdapter(output, base.modules, { weights: base.weights })).digest;
}
