import { EspalierError, messageOf } from '../../core/index.ts';
import type { NamedRun } from '../config/resolve-runs.ts';
import { runTraining, type RunTrainingOptions } from '../loop/run-training.ts';
import { openVerifiedBase } from '../loop/training-inputs.ts';
import type { TrainEvent } from '../report/train-result.ts';
import { assertTogether } from './assert-together.ts';
import { Company } from './company.ts';
import { RefusedCompany } from './companion.ts';
import { defaultPassTokens } from './plan-passes.ts';
import type { RunEnd } from './run-end.ts';
import { RunsView } from './runs-view.ts';

export interface RunTrainingsOptions extends Omit<RunTrainingOptions, 'onEvent' | 'companion'> {
  /** @param run  the name of the training whose event it is */
  readonly onEvent?: (run: string, event: TrainEvent) => void;
  /** Tokens of a pass of several trainings at most. */
  readonly maxPassTokens?: number;
  /** A file for a page that compares the runs. */
  readonly report?: string;
}

/**
 * Trains several adapters on one base at the same time. Each takes the steps that it would take alone and writes what it would write
 * alone; their rows lie side by side in one pass over the base, which is in memory once. A training that fails does not end the others.
 *
 * @returns what each came to, in the order of the runs
 * @throws EspalierError TRAIN_CONFIG_CONFLICT if they cannot be trained together; TRAIN_RUNS_REFUSED with the reason of each run whose
 *   settings, data or output are refused, before any begins; the signal's reason if it is aborted before
 */
export async function runTrainings(runs: readonly NamedRun[], options: RunTrainingsOptions): Promise<RunEnd[]> {
  const { environment, signal, onEvent, report, maxPassTokens: maxTokens = defaultPassTokens, ...rest } = options;
  assertTogether(runs);
  const [first] = runs;
  if (first === undefined) return [];
  const base = await openVerifiedBase(first.config, { signal });
  const view = new RunsView();
  using company = new Company({ base, environment, members: runs.length, maxTokens });
  const ends = await Promise.all(
    runs.map(async ({ name, config }, lane): Promise<RunEnd> => {
      const companion = company.member(lane);
      const told = (event: TrainEvent): void => {
        view.heard(name, event);
        onEvent?.(name, event);
      };
      try {
        const result = await runTraining(config, {
          ...rest,
          environment,
          companion,
          ...(signal && { signal }),
          onEvent: told,
        });
        return { name, kind: 'result', result };
      } catch (error) {
        companion.refuse();
        return { name, kind: 'failed', error };
      } finally {
        companion.leave();
      }
    }),
  );
  assertBegun(ends, signal);
  const trouble = report === undefined ? undefined : await view.write(report, runs, ends);
  if (trouble !== undefined) onEvent?.(first.name, { kind: 'warned', message: trouble });
  return ends;
}

/** @throws EspalierError TRAIN_RUNS_REFUSED if runs were refused before the first pass */
function assertBegun(ends: readonly RunEnd[], signal: AbortSignal | undefined): void {
  const failed = ends.flatMap((end) => (end.kind === 'failed' ? [end] : []));
  if (!failed.some(({ error }) => error instanceof RefusedCompany) && failed.length < ends.length) return;
  signal?.throwIfAborted();
  const refused = failed.filter(({ error }) => !(error instanceof RefusedCompany));
  if (refused.length === failed.length) return;
  const problems = refused.map(({ name, error }) => `${name}: ${messageOf(error)}`);
  throw new EspalierError('TRAIN_RUNS_REFUSED', { problems }, { cause: refused[0]?.error });
}
