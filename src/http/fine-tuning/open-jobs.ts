import { Jobs, type JobSettings } from '../../jobs/index.ts';
import type { GenerationService } from '../../service/index.ts';
import { systemTimers } from '../door/timers.ts';
import { postWebhook } from './post-webhook.ts';
import { serveFinished } from './serve-finished.ts';

export interface OpenJobsContext {
  readonly settings: JobSettings | undefined;
  /** The path of the base that is served, for trainings. */
  readonly base: string;
  readonly chatTemplate: string | undefined;
  readonly generation: Pick<GenerationService, 'context'>;
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
}: OpenJobsContext): Promise<Jobs | undefined> {
  const { control, rollouts } = context;
  if (settings === undefined || control === undefined) return undefined;
  return Jobs.open({
    ...settings,
    base: { base, chatTemplate },
    serve: (finished) => serveFinished({ control, rollouts }, finished),
    post: postWebhook,
    timers: systemTimers,
  });
}
