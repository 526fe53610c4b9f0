import { type FinishedAdapter, Jobs, type JobSettings, type OpenJobsOptions } from '../../jobs/index.ts';
import { type BaseModel, fingerprintBase } from '../../models/index.ts';
import type { GenerationService } from '../../service/index.ts';
import { parseTraceParent, type Tracing } from '../../telemetry/index.ts';
import { readMinisignSecretKey, signList, writeList } from '../../trust/index.ts';
import { systemTimers } from '../door/timers.ts';
import { postWebhook } from './post-webhook.ts';
import { serveFinished } from './serve-finished.ts';

/** What an operator says of the jobs of a server. */
export interface ServedJobSettings extends JobSettings {
  /** The text of a secret key of minisign without a password, by which their adapters are signed. Default: they are not signed. */
  readonly signingKey?: string | undefined;
}

export interface OpenJobsContext {
  /** What the operator says; `start` is for tests. */
  readonly settings: (ServedJobSettings & Pick<OpenJobsOptions, 'start'>) | undefined;
  /** The base that is served, and its path for trainings. */
  readonly base: { readonly base: BaseModel; readonly path: string };
  readonly chatTemplate: string | undefined;
  readonly generation: Pick<GenerationService, 'context'>;
  /** Where spans are written. undefined: nowhere. */
  readonly tracing?: Pick<Tracing, 'during'> | undefined;
}

/**
 * The jobs of a decoder with a store, if they are asked for. Nothing runs before their `begin`.
 * @throws EspalierError JOBS_BUSY, JOBS_UNREADABLE, SIGNING_KEY_INVALID
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
  const { signingKey, ...rest } = settings;
  const sign = signingKey === undefined ? undefined : await signerOf(signingKey, base.base);
  const serve = (finished: FinishedAdapter): Promise<void> => serveFinished({ control, rollouts, sign }, finished);
  return Jobs.open({
    ...rest,
    base: { base: base.path, chatTemplate },
    serve(finished) {
      const trace = parseTraceParent(finished.trace);
      return tracing && trace ? tracing.during(trace, () => serve(finished)) : serve(finished);
    },
    post: postWebhook,
    timers: systemTimers,
  });
}

/** Signs folders for the names and the base under which they are served. @throws EspalierError SIGNING_KEY_INVALID */
async function signerOf(text: string, base: BaseModel): Promise<(path: string, name: string) => Promise<void>> {
  const advice = 'make one without for the server (minisign -G -W)';
  const key = await readMinisignSecretKey(text, { path: 'of jobs', advice });
  const fingerprint = await fingerprintBase(base);
  return async (path, name) => {
    const { list } = await writeList(path, { name, base: fingerprint });
    await signList(list, key);
  };
}
