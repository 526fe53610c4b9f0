import { setTimeout as wait } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { decideThreads, EspalierError, packageVersion } from '../core/index.ts';
import {
  basePath,
  BaseWatch,
  modelName,
  openBaseModel,
  PrivateBase,
  verifyWeights,
  type BaseModel,
  storedBytes,
} from '../models/index.ts';
import { openChosenEnvironment } from '../execution/index.ts';
import type { Environment } from '../onnxruntime/index.ts';
import { openTokenizer, type Tokenizer } from '../tokenizer/index.ts';
import {
  type EndedSequence,
  type MetricSources,
  openTracing,
  ServerMetrics,
  type Tracing,
} from '../telemetry/index.ts';
import { requestLog } from './logs/request-log.ts';
import { systemTimers } from './door/timers.ts';
import { EventLog } from './observe/event-log.ts';
import { RolloutTrail } from './observe/rollout-trail.ts';
import { RequestTraces } from './traces/trace-requests.ts';
import { KeyRing } from './keys/key-ring.ts';
import { KeysFile } from './keys/keys-file.ts';
import { TlsCertificate } from './tls/tls-certificate.ts';
import { createApp, type AppOptions } from './app.ts';
import { residencyOf, sharesFor } from './memory-of.ts';
import type { Server } from './listening-server.ts';
import { publishFiles } from './adapters/publish-files.ts';
import type { ServerOptions } from './server-options.ts';
import { checkBaseAt, checkOpenedBase, checkServedBase, openPolicy } from './policy/open-policy.ts';
import type { PolicyFile } from './policy/policy-file.ts';
import { isReady, missingOf } from './readiness.ts';
import { assertOwnName } from './assert-own-name.ts';
import { assertStoreFits } from './assert-store-fits.ts';
import { fleetSample } from './fleet/fleet-sample.ts';
import { assertFleetFits, openFleet } from './fleet/open-fleet.ts';
import { openJobs } from './fine-tuning/open-jobs.ts';
import { responseLimitsOf } from './responses/response-options.ts';
import {
  type EncoderService,
  type GenerationService,
  type ModelsService,
  openEncoder,
  openGeneration,
  openModels,
  watchedEngine,
} from '../service/index.ts';

export type { Server } from './listening-server.ts';
export type { ServerOptions } from './server-options.ts';

/** WHY: vLLM's default port. */
const defaultPort = 8000;

/**
 * Opens a base with its adapters for OpenAI's API (an encoder also for the Open Inference Protocol), models for the Open Inference
 * Protocol, or both, and listens.
 * @throws EspalierError the errors of openBaseModel, openGeneration, openEncoder and openModels, and PORT_IN_USE. Nothing is left open
 *   then.
 */
export async function openServer(options: ServerOptions): Promise<Server> {
  options.signal?.throwIfAborted();
  assertKeys(options);
  assertFleetFits(options);
  const opened: (() => Promise<void>)[] = [];
  const disposeAll = async (): Promise<void> => {
    for (const dispose of opened.splice(0).reverse()) await dispose();
  };
  try {
    const keys = new KeyRing(options);
    const file = options.keys === undefined ? undefined : await openKeys(options.keys, keys);
    if (file) opened.push(async () => file[Symbol.dispose]());
    const tls = options.tls && (await TlsCertificate.open(options.tls));
    if (tls) opened.push(async () => tls[Symbol.dispose]());
    const version = await packageVersion();
    const metrics = new ServerMetrics({ version });
    opened.push(async () => metrics[Symbol.dispose]());
    const events = new EventLog();
    opened.push(async () => events[Symbol.dispose]());
    const tracing = await openTracing(version);
    if (tracing) opened.push(async () => tracing[Symbol.asyncDispose]());
    const traces = tracing && new RequestTraces(tracing);
    const policy = await openPolicy(options);
    if (policy) opened.push(async () => policy[Symbol.dispose]());
    const base = options.base === undefined ? undefined : await openBase(options.base, { ...options, rules: policy });
    if (base) opened.push(() => base.dispose());
    assertStoreFits(options, base && (isEncoder(base) ? 'encoder' : 'decoder'));
    const changed = base?.watch.changed;
    const environment = options.environment ?? (await openOwnEnvironment(options, base?.base));
    if (options.environment === undefined) opened.push(async () => environment.dispose());
    const encoder = isEncoder(base) ? await openEncoderFor(base, environment, options) : undefined;
    if (encoder) opened.push(() => encoder.dispose());
    const memory = sharesFor(options);
    const budgets = { kvMemory: memory.kv, adapterMemory: memory.adapters };
    const generation =
      base && !isEncoder(base)
        ? await openGenerationFor(base, environment, { ...options, ...budgets, metrics, tracing, rules: policy })
        : undefined;
    if (generation) opened.push(() => generation.dispose());
    const fleet = base && generation && (await openFleet({ settings: options, base: base.base, generation, keys }));
    if (fleet) opened.push(() => fleet[Symbol.asyncDispose]());
    if (base) {
      policy?.follow({
        check: (next, before) => checkServedBase(base, { next, before }),
        replaced: async () => generation?.admitAgain(),
      });
    }
    const { chatTemplate } = options;
    const settings = options.jobs && { ...options.jobs, memory: memory.job };
    const jobs = base && generation && (await openJobs({ settings, base, chatTemplate, generation, tracing }));
    if (jobs) opened.push(() => jobs[Symbol.asyncDispose]());
    assertOwnName(encoder?.base.baseName, options.models);
    const models = await openModelsFor(environment, options);
    opened.push(() => models.dispose());
    const served = generation?.context ?? encoder?.base;
    const all = new Map([...(encoder ? [[encoder.base.baseName, encoder.entry] as const] : []), ...models.models]);
    options.signal?.throwIfAborted();
    const onEnd = encoder && tellEnds({ metrics, tracing, baseName: encoder.base.baseName });
    let [leaving, shuttingDown] = [false, false];
    const { readyAdapters = [], shutdownDelayMs = 0 } = options;
    const door = {
      apiKey: options.apiKey,
      isReady: () => changed?.aborted !== true && [...all.values()].every(({ model }) => model.isReady),
      isShuttingDown: () => shuttingDown,
      isLeaving: () => leaving,
      missingAdapters: () => missingOf([...readyAdapters, ...(fleet?.required() ?? [])], served?.adapters.list() ?? []),
    };
    const rollouts = generation?.context.rollouts;
    const trail = rollouts && new RolloutTrail({ list: () => rollouts.list(), timers: systemTimers });
    if (trail) opened.push(async () => trail[Symbol.dispose]());
    const sources = generation?.sources ?? sourcesOf(encoder);
    const ofJobs = jobs && (() => jobs.figures());
    const spans = tracing && (() => tracing.figures());
    const ofPolicy = policy && (() => ({ isRefused: policy.isRefused }));
    const parts = { fleet: fleetSample(fleet), jobs: ofJobs, policy: ofPolicy, spans };
    metrics.attach({ ...sources, ...parts, isReady: () => isReady(door) });
    const app = createApp(
      door,
      {
        generation: generation && {
          ...door,
          ...generation.context,
          engine: changed ? watchedEngine(generation.context.engine, changed) : generation.context.engine,
        },
        encoder: encoder && { ...door, ...encoder.base },
        embeddings: encoder?.embeddings && { ...door, ...encoder.embeddings, onEnd },
        rerank: encoder?.rerank && { ...door, ...encoder.rerank, onEnd },
        jobs,
        fleet,
        inference: { models: all, baseName: encoder?.base.baseName, version },
      },
      {
        ...appOptionsOf(options),
        logger: options.logger ?? (options.logLevel && requestLog({ level: options.logLevel, traces })),
        keys,
        changed,
        metrics,
        events,
        trail,
        traces,
        tls,
      },
    );
    const url = await listen(app, options);
    // WHY after it listens: a port that is taken must not start a training.
    await jobs?.begin().catch(async (error: unknown) => {
      await app.close();
      throw error;
    });
    const close = async (): Promise<void> => {
      if (leaving) return;
      leaving = true;
      if (shutdownDelayMs > 0) await wait(shutdownDelayMs);
      shuttingDown = true;
      // WHY at once: a training finishes its step while running answers are finished.
      const ending = jobs?.[Symbol.asyncDispose]();
      await app.close();
      await ending;
      await disposeAll();
    };
    const listed = served?.adapters.list() ?? [];
    return {
      url,
      baseName: served?.baseName,
      adapterNames: listed.flatMap(({ name, state }) => (state === 'failed' ? [] : [name])),
      failedAdapters: listed.flatMap(({ name, problem }) => (problem === undefined ? [] : [{ name, problem }])),
      room: generation?.engine.room,
      memory: generation && memory,
      modelNames: [...all.keys()],
      close,
      publish: (name, files, how) => publishFiles({ ...generation?.context }, { name, files }, how),
      reloadKeys: async () => file?.reload(),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await disposeAll();
    throw error;
  }
}

function openKeys(path: string, keys: KeyRing): Promise<KeysFile> {
  return KeysFile.open({ path, replace: (named) => keys.replace(named) });
}

function openOwnEnvironment(options: ServerOptions, base: BaseModel | undefined): Promise<Environment> {
  const { threads, provider, spinUs, deviceMemory } = options;
  const weights = base && storedBytes(base.stored);
  return openChosenEnvironment({ threads: decideThreads(threads).compute, provider, spinUs, deviceMemory, weights });
}

interface OpenedBase {
  readonly base: BaseModel;
  /** The path from which it was opened: that of the copy, where there is one. */
  readonly path: string;
  readonly tokenizer: Tokenizer | undefined;
  readonly watch: BaseWatch;
  /** The folder that the base was given in. It is not `base.dir` where the base is a copy. */
  readonly origin: string;
  dispose(): Promise<void>;
}

/** The file of the policy that the options name. */
interface Ruled {
  readonly rules: PolicyFile | undefined;
}

async function openBase(
  path: string,
  { copyBase = false, chatTemplate, signal, rules }: ServerOptions & Ruled,
): Promise<OpenedBase> {
  const resources: AsyncDisposable[] = [];
  const dispose = async (): Promise<void> => {
    for (const resource of resources.splice(0).reverse()) await resource[Symbol.asyncDispose]();
  };
  try {
    const folder = typeof copyBase === 'string' ? copyBase : undefined;
    const copy = copyBase === false ? undefined : await PrivateBase.open(path, { folder, signal });
    if (copy) resources.push(copy);
    await checkBaseAt(copy?.path ?? path, rules?.current);
    const base = await openBaseModel(copy?.path ?? path);
    await checkOpenedBase(base, rules?.current);
    const watch = await BaseWatch.open(base);
    resources.push(watch);
    const tokenizer = await openTokenizer(basePath(base), { chatTemplate });
    await verifyWeights(base, { signal });
    return { base, path: resolve(copy?.path ?? path), tokenizer, watch, origin: copy?.origin ?? base.dir, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function openGenerationFor(
  { base, tokenizer, origin }: OpenedBase,
  environment: Environment,
  {
    servedName,
    adapters: adaptersFolder,
    store: storeFolder,
    quarantineKeep,
    anyBase,
    template,
    toolParser,
    maxSlots,
    maxLength,
    kvMemory,
    maxWaiting,
    prefixCache,
    dora,
    loraBias,
    exactAdapters,
    adapterTargets,
    golden,
    rules,
    logitsProcessors,
    batchInvariant,
    fallback,
    rollout: mode,
    rolloutOptions: rollout,
    metrics,
    tracing,
    ...rest
  }: ServerOptions & Ruled & { readonly metrics: ServerMetrics; readonly tracing: Tracing | undefined },
): Promise<GenerationService> {
  const baseName = servedName ?? modelName(origin);
  const limits = {
    maxSlots,
    maxLength,
    kvMemory,
    maxWaiting,
    prefixCache,
    dora,
    loraBias,
    exactAdapters,
    adapterTargets,
    anyBase,
    quarantineKeep,
    template,
    toolParser,
    golden,
    policy: rules,
    logitsProcessors,
    batchInvariant,
    residency: residencyOf(rest),
    rollouts: { fallback, mode, rollout },
    onEnd: tellEnds({ metrics, tracing, baseName }),
  };
  return openGeneration({ base, origin, tokenizer, environment, baseName, adaptersFolder, storeFolder, ...limits });
}

interface ToldEnds {
  readonly metrics: ServerMetrics;
  readonly tracing: Tracing | undefined;
  readonly baseName: string;
}

/** What is told of each sequence that has ended, and of each request that an encoder has read. */
function tellEnds({ metrics, tracing, baseName }: ToldEnds): (ended: EndedSequence) => void {
  return (ended) => {
    metrics.ended(ended);
    tracing?.ended(ended, baseName);
  };
}

function isEncoder(opened: OpenedBase | undefined): opened is OpenedBase {
  return opened?.base.config.kind === 'encoder';
}

function openEncoderFor(
  { base, tokenizer, origin, watch }: OpenedBase,
  environment: Environment,
  { servedName, adapters: adaptersFolder, anyBase, maxLength, maxBatch, maxWaitMs, memoryPlan, ...rest }: ServerOptions,
): Promise<EncoderService> {
  const baseName = servedName ?? modelName(origin);
  const limits = { anyBase, maxLength, maxBatch, maxWaitMs, memoryPlan, residency: residencyOf(rest) };
  return openEncoder({
    base,
    origin,
    changed: watch.changed,
    tokenizer,
    environment,
    baseName,
    adaptersFolder,
    ...limits,
  });
}

/** What the series of an encoder are read from. */
function sourcesOf(encoder: EncoderService | undefined): Omit<MetricSources, 'isReady'> {
  return encoder?.sources ?? { baseName: '' };
}

function openModelsFor(environment: Environment, options: ServerOptions): Promise<ModelsService> {
  const { models = [], copyBase, adapters: adaptersFolder, anyBase, maxBatch, maxWaitMs, memoryPlan, signal } = options;
  const isAlone = options.base === undefined;
  const settings = { anyBase, maxBatch, maxWaitMs, memoryPlan, residency: residencyOf(options), signal };
  return openModels({ models, copyBase, environment, adaptersFolder, isAlone, ...settings });
}

function appOptionsOf(options: ServerOptions): AppOptions {
  const { host, adminKey, readKey, allowedHosts, allowedOrigins, drainTimeoutMs } = options;
  const responses = responseLimitsOf(options);
  return { host, adminKey, readKey, allowedHosts, allowedOrigins, drainTimeoutMs, responses };
}

/** Refuses an empty key. WHY: every client that sends an empty key would have access. */
function assertKeys({ apiKey, adminKey, readKey }: ServerOptions): void {
  for (const [name, key] of Object.entries({ apiKey, adminKey, readKey })) {
    if (key === '')
      throw new EspalierError('OPTION_INVALID', { name, expected: 'a key of a letter at least', actual: '""' });
  }
}

async function listen(app: ReturnType<typeof createApp>, options: ServerOptions): Promise<string> {
  const { host = '127.0.0.1', port = defaultPort } = options;
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    if (isErrno(cause) && cause.code === 'EADDRINUSE')
      throw new EspalierError('PORT_IN_USE', { host, port }, { cause });
    throw cause;
  }
  const address = app.server.address() as AddressInfo;
  const scheme = options.tls === undefined ? 'http' : 'https';
  return `${scheme}://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}
