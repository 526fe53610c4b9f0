import { EspalierError, messageOf } from '../../core/index.ts';
import { openBaseModel, verifyWeights } from '../../models/index.ts';
import type { NamedRun } from '../config/resolve-runs.ts';
import { runTraining, type RunTrainingOptions } from '../loop/run-training.ts';
import type { TrainEvent, TrainResult } from '../report/train-result.ts';
import { assertTogether } from './assert-together.ts';
import { Company } from './company.ts';
import { RefusedCompany } from './companion.ts';

export interface RunTrainingsOptions extends Omit<RunTrainingOptions, 'onEvent' | 'companion'> {
  /** @param run  the name of the training whose event it is */
  readonly onEvent?: (run: string, event: TrainEvent) => void;
  /** Tokens of a pass of several trainings at most. */
  readonly maxPassTokens?: number;
}

/** What one of several trainings came to. */
export type RunEnd =
  | { readonly name: string; readonly kind: 'result'; readonly result: TrainResult }
  | { readonly name: string; readonly kind: 'failed'; readonly error: unknown };

/** WHY: beyond it a pass is hardly faster for each token, and takes more memory. */
const defaultPassTokens = 4096;

/**
 * Trains several adapters on one base at the same time. Each takes the steps that it would take alone and writes what it would write
 * alone; their rows lie side by side in one pass over the base, which is in memory once. A training that fails does not end the others.
 *
 * @returns what each came to, in the order of the runs
 * @throws EspalierError TRAIN_CONFIG_CONFLICT if they cannot be trained together; TRAIN_RUNS_REFUSED with the reason of each run whose
 *   settings, data or output are refused, before any begins; the signal's reason if it is aborted before
 */
export async function runTrainings(runs: readonly NamedRun[], options: RunTrainingsOptions): Promise<RunEnd[]> {
  const { environment, signal, onEvent, maxPassTokens: maxTokens = defaultPassTokens, ...rest } = options;
  assertTogether(runs);
  const [first] = runs;
  if (first === undefined) return [];
  const base = await openBaseModel(first.config.base, { labels: first.config.labels });
  await verifyWeights(base, signal === undefined ? {} : { signal });
  using company = new Company({ base, environment, members: runs.length, maxTokens });
  const ends = await Promise.all(
    runs.map(async ({ name, config }, lane): Promise<RunEnd> => {
      const companion = company.member(lane);
      const told = onEvent && { onEvent: (event: TrainEvent) => onEvent(name, event) };
      try {
        const result = await runTraining(config, {
          ...rest,
          environment,
          companion,
          ...(signal && { signal }),
          ...told,
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
