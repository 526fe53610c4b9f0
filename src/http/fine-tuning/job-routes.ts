import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { adapterNameForm, EspalierError, isAdapterName } from '../../core/index.ts';
import { fineTunedName, type JobControl, type JobRecord, type NewJob, newModelId } from '../../jobs/index.ts';
import { parseModel } from '../../routing/index.ts';
import type { BaseContext } from '../../service/index.ts';
import { formatTraceParent } from '../../telemetry/index.ts';
import { causeOf, hashOf } from '../adapters/change-cause.ts';
import type { IdempotentAnswers } from '../adapters/idempotency.ts';
import { readIdempotencyKey } from '../adapters/idempotency-key.ts';
import { pageOf } from '../door/list-page.ts';
import { parseBody } from '../door/parse-body.ts';
import { assertLoadable, assertSeen } from '../keys/assert-seen.ts';
import { holderOf } from '../keys/key-holder.ts';
import { fileOf } from './file-routes.ts';
import { type CreateJobBody, createJobSchema, hyperparametersOf, refuseOtherMethods } from './job-body.ts';
import { checkpointJson, eventJson, jobJson } from './job-json.ts';
import { pageSchema } from './page.ts';

export interface JobRoutesContext {
  readonly jobs: JobControl;
  readonly base: Pick<BaseContext, 'baseName' | 'router' | 'control'>;
  /** The answers to new jobs with an `Idempotency-Key`. */
  readonly answers: IdempotentAnswers<object>;
}

interface OfJob {
  readonly Params: { readonly id: string };
}

/** `/v1/fine_tuning/jobs`: trainings on uploaded files, whose adapters are served when they are done. */
export function addJobs(app: FastifyInstance, context: JobRoutesContext): void {
  const { jobs } = context;
  const url = '/v1/fine_tuning/jobs';
  const read = { config: { access: 'read', keepsToNames: true } } as const;
  const admin = { config: { access: 'admin', keepsToNames: true } } as const;
  app.post(url, admin, (request, reply) => createOnce(context, request, reply));
  app.get(url, read, (request) => {
    const wanted = metadataIn(request.query);
    const seen = jobs.list().filter((job) => isSeen(request, job) && has(job, wanted));
    return pageOf(seen.toReversed(), parseBody(pageSchema, request.query), jobJson);
  });
  app.get<OfJob>(`${url}/:id`, read, (request) => jobJson(jobOf(jobs, request)));
  app.get<OfJob>(`${url}/:id/events`, read, async (request) => {
    const { id } = jobOf(jobs, request);
    return pageOf(await jobs.events(id), parseBody(pageSchema, request.query), eventJson);
  });
  app.get<OfJob>(`${url}/:id/checkpoints`, read, async (request) => {
    const job = jobOf(jobs, request);
    const found = await jobs.checkpoints(job.id);
    return pageOf(found, parseBody(pageSchema, request.query), (one) => checkpointJson(job, one));
  });
  for (const what of ['cancel', 'pause', 'resume'] as const) {
    app.post<OfJob>(`${url}/:id/${what}`, admin, async (request) =>
      jobJson(await jobs.command(jobOf(jobs, request).id, what)),
    );
  }
}

/** A key for some names sees the jobs whose adapters have such names. @throws EspalierError JOB_NOT_FOUND */
function jobOf(jobs: JobControl, request: FastifyRequest<OfJob>): JobRecord {
  const { id } = request.params;
  const job = jobs.find(id);
  if (job === undefined || !isSeen(request, job)) throw new EspalierError('JOB_NOT_FOUND', { id: id.slice(0, 128) });
  return job;
}

function isSeen(request: FastifyRequest, { fineTunedModel }: JobRecord): boolean {
  return holderOf(request).scope.sees(fineTunedModel);
}

/** Makes a job once for each key of a repeated request, which gets the answer of the first. */
async function createOnce(context: JobRoutesContext, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const key = readIdempotencyKey(request);
  const body = parseBody(createJobSchema, request.body, refuseOtherMethods);
  const content = hashOf(JSON.stringify([request.method, request.routeOptions.url, body]));
  const { value, isRepeated } = await context.answers.answer({ key, content }, async () =>
    jobJson(await create(context, request, body)),
  );
  if (isRepeated) reply.header('idempotent-replayed', 'true');
  return value;
}

async function create(
  { jobs, base }: JobRoutesContext,
  request: FastifyRequest,
  body: CreateJobBody,
): Promise<JobRecord> {
  const { n_epochs: nEpochs, batch_size: batchSize, learning_rate_multiplier } = hyperparametersOf(body);
  assertSeen(request, body.model);
  const start = await startOf(base, body.model);
  const suffix = body.suffix ?? null;
  const fineTunedModel = fineTunedName(base.baseName, suffix, newModelId());
  assertLoadable(request, fineTunedModel);
  assertAdapter(request, body, base.baseName);
  for (const param of ['training_file', 'validation_file'] as const) assertFile(jobs, request, body, param);
  const { scope: _scope, name } = holderOf(request);
  return jobs.create({
    model: body.model,
    trainingFile: body.training_file,
    validationFile: body.validation_file ?? null,
    suffix,
    start,
    seed: body.seed ?? null,
    metadata: body.metadata ?? null,
    hyperparameters: { nEpochs, batchSize, learningRateMultiplier: learning_rate_multiplier },
    fineTunedModel,
    adapter: body.adapter ?? null,
    rollout: body.rollout ?? null,
    owner: name ?? null,
    actor: causeOf(request, undefined).actor,
    trace: request.trace === undefined ? null : formatTraceParent(request.trace),
  });
}

/**
 * What a training begins with: a new adapter on the base, or the version to which the name of an adapter points.
 * @throws EspalierError MODEL_NOT_FOUND, ADAPTER_NOT_SERVED, REQUEST_UNSUPPORTED for an earlier version
 */
async function startOf(
  { baseName, router, control }: JobRoutesContext['base'],
  model: string,
): Promise<NewJob['start']> {
  router.assertKnown(model);
  const { name, version: asked } = parseModel(model, baseName);
  if (name === baseName) return null;
  const { version, path } = (await control?.describe(name)) ?? {};
  if (version === undefined || path === undefined) {
    throw new EspalierError('ADAPTER_NOT_SERVED', { name, problem: 'it has no version now' });
  }
  if (asked === undefined || version.startsWith(asked)) return { version, path };
  const problem = 'a job goes on with the version that a name has now; leave the version out';
  throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'model', problem });
}

/** @throws EspalierError NAME_OUTSIDE_KEY, REQUEST_INVALID */
function assertAdapter(request: FastifyRequest, { adapter, rollout }: CreateJobBody, baseName: string): void {
  if (adapter !== null && adapter !== undefined) {
    assertLoadable(request, adapter);
    const isFree = isAdapterName(adapter) && parseModel(adapter, baseName).name !== baseName;
    if (isFree) return;
    const problem = `${adapterNameForm} is expected, and not that of the base (${baseName})`;
    throw new EspalierError('REQUEST_INVALID', { param: 'adapter', problem });
  }
  if (rollout !== null && rollout !== undefined) {
    const problem = 'it says how "adapter" gets the new version, and there is no "adapter"';
    throw new EspalierError('REQUEST_INVALID', { param: 'rollout', problem });
  }
}

/** @throws EspalierError REQUEST_INVALID */
function assertFile(
  jobs: JobControl,
  request: FastifyRequest,
  body: CreateJobBody,
  param: 'training_file' | 'validation_file',
): void {
  const id = body[param];
  if (id === null || id === undefined) return;
  let purpose: string | undefined;
  try {
    ({ purpose } = fileOf(jobs, request, id));
  } catch {
    throw new EspalierError('REQUEST_INVALID', { param, problem: `no file has the id ${id}` });
  }
  if (purpose === 'fine-tune') return;
  throw new EspalierError('REQUEST_INVALID', { param, problem: `the file ${id} is not for "fine-tune"` });
}

/** The pairs that jobs must have: `metadata[name]=value`. `metadata=null` asks for those without any, and is not told apart here. */
function metadataIn(query: unknown): readonly (readonly [string, string])[] {
  const entries = Object.entries(typeof query === 'object' && query !== null ? query : {});
  return entries.flatMap(([key, value]) => {
    const name = /^metadata\[(.*)\]$/.exec(key)?.[1];
    return name === undefined ? [] : [[name, String(value)] as const];
  });
}

function has({ metadata }: JobRecord, wanted: readonly (readonly [string, string])[]): boolean {
  return wanted.every(([name, value]) => metadata?.[name] === value);
}
