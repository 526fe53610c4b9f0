import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isReady as isDoorReady } from '../readiness.ts';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { adapterNameForm, isAdapterName, type ServedAdapter } from '../../routing/index.ts';
import type { DoorContext, InferenceContext, InferenceEntry } from '../../service/index.ts';
import { causeOf } from '../adapters/change-cause.ts';
import { sayAnsweredBy } from '../answered-by.ts';
import { datatypeOf } from './datatypes.ts';
import { checkInputs } from './check-inputs.ts';
import { assertLoadable } from '../keys/assert-seen.ts';
import { problemFor } from '../keys/hide-names.ts';
import { holderOf } from '../keys/key-holder.ts';
import { everyName, type Scope } from '../keys/scope.ts';
import { findModel, modelVersion, seesModel, type FoundModel, type ModelPath } from './find-model.ts';
import { assertSpeakable, writeInferAnswer } from './infer-answer.ts';
import { readInferRequest, type InferBody } from './infer-request.ts';
import { CallerLeft } from '../door/caller-left.ts';
import type { BodyReader } from '../door/body-reader.ts';
import { readJson } from '../door/read-json.ts';
import { parseBody } from '../door/parse-body.ts';

/**
 * Most bytes of a request. A batch of sixteen images of 1024 x 1024 in single precision has three times as many, and must be divided
 * into several requests.
 */
const maxBodyBytes = 64 * 2 ** 20;

const inference = { config: { access: 'inference', keepsToNames: true } } as const;
const admin = { config: { access: 'admin', keepsToNames: true } } as const;

const headerLength = 'inference-header-content-length';

/**
 * The Open Inference Protocol v2 (KServe, Triton): health, metadata and inference. Additional routes manage the adapters of each model.
 * @see https://github.com/kserve/open-inference-protocol
 */
export function addOpenInference(
  app: FastifyInstance,
  context: InferenceContext,
  { bodies, door }: { readonly bodies: BodyReader; readonly door: DoorContext },
): void {
  void app.register(async (scope) => {
    // WHY every type: the guard has checked it, and clients may send tensors as bytes without a type.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (request: FastifyRequest, stream: Readable) => bodies.read(request, stream));
    addServerRoutes(scope, context, door);
    addModelRoutes(scope, context);
    addAdapterRoutes(scope, context);
    for (const path of ['/v2/models/:name', '/v2/models/:name/versions/:version']) {
      scope.post<{ Params: ModelPath }>(
        `${path}/infer`,
        { bodyLimit: maxBodyBytes, config: { access: 'inference', body: 'tensors', keepsToNames: true } },
        (request, reply) => infer(context, request, reply),
      );
    }
  });
}

function addServerRoutes(app: FastifyInstance, context: InferenceContext, door: DoorContext): void {
  const isReady = (): boolean => isDoorReady(door);
  const extensions = ['binary_tensor_data', 'model_repository(index)', 'lora_adapters'];
  app.get('/v2', inference, () => ({
    name: 'espalier',
    version: context.version,
    extensions,
  }));
  app.get('/v2/health/live', { config: { access: 'public' } }, () => ({ live: true }));
  app.get('/v2/health/ready', { config: { access: 'public' } }, async (_request, reply) => {
    return reply.status(isReady() ? 200 : 503).send({ ready: isReady() });
  });
  app.post('/v2/repository/index', inference, (request) => {
    const { scope } = holderOf(request);
    const seen = [...context.models.values()].filter(({ model }) => scope.sees(model.name));
    return seen.map(({ model }) => {
      return { name: model.name, version: modelVersion, state: model.isReady ? 'READY' : 'UNAVAILABLE' };
    });
  });
}

function addModelRoutes(app: FastifyInstance, context: InferenceContext): void {
  for (const path of ['/v2/models/:name', '/v2/models/:name/versions/:version']) {
    app.get<{ Params: ModelPath }>(path, inference, (request) =>
      metadataOf(request.params.name, foundBy(context, request)),
    );
    app.get<{ Params: ModelPath }>(`${path}/ready`, inference, async (request, reply) => {
      const { isReady } = foundBy(context, request).model;
      return reply.status(isReady ? 200 : 503).send({ name: request.params.name, ready: isReady });
    });
  }
}

function metadataOf(name: string, { model }: FoundModel): object {
  const { signature, batching } = model;
  const describe = ({ name: tensor, dtype, shape }: (typeof signature.inputs)[number]): object => {
    return {
      name: tensor,
      datatype: datatypeOf(dtype),
      shape: shape.map((dim) => (typeof dim === 'string' ? -1 : dim)),
    };
  };
  return {
    name,
    versions: [modelVersion],
    platform: 'onnxruntime_onnx',
    inputs: signature.inputs.map(describe),
    outputs: signature.outputs.map(describe),
    parameters: { dynamic_batching: batching.joins, ...(batching.joins ? {} : { dynamic_batching_off: batching.why }) },
  };
}

type ModelRequest = FastifyRequest<{ Params: ModelPath }>;

function foundBy(context: InferenceContext, request: ModelRequest): FoundModel {
  return findModel(context, request.params, holderOf(request).scope);
}

async function infer(context: InferenceContext, request: ModelRequest, reply: FastifyReply): Promise<FastifyReply> {
  const found = foundBy(context, request);
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new CallerLeft());
  });
  const { model } = found;
  const body = await readInferRequest(bytesOf(request.body), headerOf(request));
  await checkInputs(body.inputs, found.idLimits);
  assertSpeakable(body, model.signature.outputs);
  const adapter = adapterOf(found, body);
  if (!seesModel(context, holderOf(request).scope, { model: model.name, adapter })) {
    throw new EspalierError('ADAPTER_NOT_FOUND', { name: adapter ?? model.name, hint: '' });
  }
  using lease = await leaseOf(found, adapter);
  sayAnsweredBy(reply, { alias: adapter, version: lease?.version.digest });
  const result = await model.infer({
    inputs: body.inputs,
    outputs: body.outputs.map(({ name }) => name),
    adapter: lease,
    signal: controller.signal,
  });
  const parameters = adapter === undefined ? {} : { adapter, adapter_version: result.adapterVersion ?? '' };
  const head = { model_name: model.name, model_version: modelVersion, id: body.id, parameters };
  const answer = await writeInferAnswer(body, head, result.outputs);
  if (answer.headerLength === undefined) return reply.type('application/json').send(answer.body);
  return reply.header(headerLength, answer.headerLength).type('application/octet-stream').send(answer.body);
}

async function leaseOf(
  { model, registry }: FoundModel,
  adapter: string | undefined,
): Promise<Awaited<ReturnType<NonNullable<FoundModel['registry']>['lease']>> | undefined> {
  if (adapter === undefined) return undefined;
  if (registry === undefined) throw new EspalierError('INFER_ADAPTERS_OFF', { model: model.name, name: adapter });
  return registry.lease(adapter);
}

/** The adapter in the model's name or in the parameters. If both are given they must agree. */
function adapterOf({ adapter, model }: FoundModel, body: InferBody): string | undefined {
  if (adapter === undefined || body.adapter === undefined || adapter === body.adapter) return adapter ?? body.adapter;
  const problem = `the model's name ${model.name}:${adapter} says another adapter, ${adapter}`;
  throw new EspalierError('REQUEST_INVALID', { param: 'parameters.adapter', problem });
}

function headerOf(request: FastifyRequest): string | undefined {
  const value = request.headers[headerLength];
  return Array.isArray(value) ? value.join() : value;
}

function bytesOf(body: unknown): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array();
}

export const loadSchema = z.strictObject({
  path: z.string().min(1).max(4096),
  replace: z.boolean().default(false),
  /** Takes an adapter that was trained on another base. */
  any_base: z.boolean().default(false),
});

interface AdapterPath {
  readonly name: string;
  readonly adapter: string;
}

function addAdapterRoutes(app: FastifyInstance, context: InferenceContext): void {
  app.get<{ Params: ModelPath }>('/v2/models/:name/adapters', inference, (request) => ({
    adapters: adaptersFor(context, request),
  }));
  app.post<{ Params: AdapterPath }>('/v2/models/:name/adapters/:adapter/load', admin, async (request) => {
    const { adapter } = request.params;
    const adapters = administered(context, request);
    if (!isAdapterName(adapter)) {
      const problem = `${adapterNameForm} is expected`;
      throw new EspalierError('REQUEST_INVALID', { param: 'adapter', problem });
    }
    const { path, replace, any_base: anyBase } = parseBody(loadSchema, await readJson(bytesOf(request.body)));
    const { name: model } = request.params;
    assertLoadable(request, adapter, path, { model, isBase: model === context.baseName });
    const loaded = await adapters.load(adapter, path, { replace, anyBase, cause: causeOf(request, undefined) });
    return describedFor(holderOf(request).scope, loaded);
  });
  app.post<{ Params: AdapterPath }>('/v2/models/:name/adapters/:adapter/unload', admin, async (request) => {
    const { adapter } = request.params;
    await administered(context, request).unload(adapter, { cause: causeOf(request, undefined) });
    return { name: adapter };
  });
}

/** The adapters of a model that a key may see. A model of which it may see nothing is answered as one that is not served. */
function adaptersFor(context: InferenceContext, request: ModelRequest): readonly ServedAdapter[] {
  const { scope } = holderOf(request);
  const { name } = request.params;
  const seen = (context.models.get(name)?.adapters?.list() ?? []).filter((served) =>
    seesModel(context, scope, { model: name, adapter: served.name }),
  );
  if (seen.length === 0) findModel(context, request.params, scope);
  return seen.map((served) => describedFor(scope, served));
}

/** WHY without the path for some keys: it is a place on the server's disk. */
function describedFor(scope: Scope, served: ServedAdapter): ServedAdapter {
  if (scope.isAll) return served;
  const { problem } = served;
  return { ...served, path: served.name, ...(problem !== undefined && { problem: problemFor(scope, problem) }) };
}

/**
 * What administers the adapters of a model, for a key that may see the model or the adapter.
 * @throws EspalierError MODEL_NOT_FOUND, INFER_ADAPTERS_OFF
 */
function administered(
  context: InferenceContext,
  request: FastifyRequest<{ Params: AdapterPath }>,
): NonNullable<InferenceEntry['adapters']> {
  const { name, adapter } = request.params;
  const { scope } = holderOf(request);
  const sees = seesModel(context, scope, { model: name, adapter });
  // WHY a key that may see the adapter needs not see the model: under this name it may ask for it, too.
  const { adapters } = findModel(context, { name }, sees ? everyName : scope);
  if (!sees) throw new EspalierError('MODEL_NOT_FOUND', { model: `${name}:${adapter}`, hint: '' });
  if (adapters === undefined) throw new EspalierError('INFER_ADAPTERS_OFF', { model: name, name: adapter });
  return adapters;
}
