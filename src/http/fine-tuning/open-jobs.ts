import { type FinishedAdapter, Jobs, type JobSettings, type OpenJobsOptions } from '../../jobs/index.ts';
import type { GenerationService } from '../../service/index.ts';
import { parseTraceParent, type Tracing } from '../../telemetry/index.ts';
import { systemTimers } from '../door/timers.ts';
import { postWebhook } from './post-webhook.ts';
import { serveFinished } from './serve-finished.ts';

export interface OpenJobsContext {
  /** What the operator says; `start` is for tests. */
  readonly settings: (JobSettings & Pick<OpenJobsOptions, 'start'>) | undefined;
  /** The path of the base that is served, for trainings. */
  readonly base: string;
  readonly chatTemplate: string | undefined;
  readonly generation: Pick<GenerationService, 'context'>;
  /** Where spans are written. undefined: nowhere. */
  readonly tracing?: Pick<Tracing, 'during'> | undefined;
}

/**
 * The jobs of a decoder with a store, if they are asked for. Nothing runs before their `begin`.
 * @throws EspalierError JOBS_BUSY, JOBS_UNREADABLE
 */
export async function openJobs({
  settings,
  base,
  chatTemplate,
  generation: { context },
  tracing,
}: OpenJobsContext): Promise<Jobs | undefined> {
  const { control, rollouts } = context;
  if (settings === undefined || control === undefined) return undefined;
  const serve = (finished: FinishedAdapter): Promise<void> => serveFinished({ control, rollouts }, finished);
  return Jobs.open({
    ...settings,
    base: { base, chatTemplate },
    serve(finished) {
      const trace = parseTraceParent(finished.trace);
      return tracing && trace ? tracing.during(trace, () => serve(finished)) : serve(finished);
    },
    post: postWebhook,
    timers: systemTimers,
  });
}
