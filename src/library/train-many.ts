import { z } from 'zod';
import { definedOnly } from '../core/index.ts';
import {
  planTrainings,
  resolveRunsOptions,
  type RunEnd,
  runTrainings,
  type RunsForecast,
  type RunsOptions,
  type RunsSettings,
  type TrainEvent,
} from '../train/index.ts';
import { answerPrompts } from './answer-prompts.ts';
import { count, environmentOptions, readOptions, signal } from './read-options.ts';
import { shareEnvironment } from './shared-environment.ts';
import { withEvents } from './with-events.ts';

/** An event of one of several trainings. */
export type RunEvent = TrainEvent & { readonly run: string };

const runSchema = z.object({
  signal: signal.optional(),
  onEvent: z.custom<(event: RunEvent) => void>((value) => typeof value === 'function', 'a function').optional(),
  ...environmentOptions,
  maxPassTokens: count.optional(),
});

/**
 * How several trainings run. `signal`, `onEvent`, `threads` and `provider` are as in `train`; each event has the name of its run. `maxPassTokens` is
 * how many tokens of several runs may be in one pass: fewer take less memory.
 */
export type TrainManyRunOptions = z.input<typeof runSchema>;

/** Several trainings that run: the promise of what each came to, with their events. */
export interface ManyTrainings extends Promise<readonly RunEnd[]> {
  /** As `events` of `train`. */
  readonly events: AsyncIterable<RunEvent>;
}

/**
 * Trains several adapters on one base at the same time: the settings that all share, and in `runs` those of each, or in `sweep` lists of
 * values to combine. The base is in memory once, and the rows of all runs are computed in one pass; each adapter ends as `train` alone
 * would make it, within the rounding of f32. A run that fails does not end the others: what each came to is told one by one.
 *
 * @throws EspalierError the errors of `train` for the settings, before anything is read; TRAIN_RUNS_REFUSED with the reason of each run
 *   that cannot begin, before any begins; the signal's reason if it is aborted before
 */
export function trainMany(options: RunsOptions, run: TrainManyRunOptions = {}): ManyTrainings {
  return withEvents(
    (message): RunEvent => ({ kind: 'warned', message, run: '' }),
    async (heard) => {
      const settings = resolveRunsOptions(options);
      const { onEvent, ...rest } = readOptions(runSchema, run, 'trainMany');
      const told = (event: RunEvent): void => {
        heard(event);
        onEvent?.(event);
      };
      return trainManyConfigured(settings, { ...rest, onEvent: told });
    },
  );
}

/** Trains with settings that are checked, in the environment of the process. */
export async function trainManyConfigured(
  settings: RunsSettings,
  run: TrainManyRunOptions,
): Promise<readonly RunEnd[]> {
  const { threads, spinUs, provider: place, deviceMemory, onEvent, ...options } = run;
  using share = await shareEnvironment({ threads, spinUs, provider: place, deviceMemory });
  return await runTrainings(settings.runs, {
    environment: share.environment,
    answer: answerPrompts,
    ...definedOnly({ ...options, report: settings.report }),
    onEvent: (name, event) => onEvent?.({ ...event, run: name }),
  });
}

const planSchema = z.object({
  signal: signal.optional(),
  ...environmentOptions,
  maxPassTokens: count.optional(),
});

/** How several trainings are planned, as in `trainMany`. */
export type PlanTrainManyOptions = z.input<typeof planSchema>;

/**
 * Reads and checks what several trainings would read, and predicts the steps and tokens of each, and the peak memory of all together.
 * Nothing is trained or written.
 *
 * @throws EspalierError the errors of `trainMany`
 */
export async function planTrainMany(options: RunsOptions, plan: PlanTrainManyOptions = {}): Promise<RunsForecast> {
  return planManyConfigured(resolveRunsOptions(options), readOptions(planSchema, plan, 'planTrainMany'));
}

/** Plans with settings that are checked. */
export async function planManyConfigured(settings: RunsSettings, plan: PlanTrainManyOptions): Promise<RunsForecast> {
  using _ = await shareEnvironment(plan);
  const { signal: ending, maxPassTokens } = plan;
  return await planTrainings(settings.runs, definedOnly({ signal: ending, maxPassTokens }));
}
