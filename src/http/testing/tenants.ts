import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { EspalierError, publishAdapterEvent } from '../../core/index.ts';
import type { ResidentAdapter } from '../../batching/index.ts';
import type { PreparedAdapter } from '../../engine/index.ts';
import {
  type AdapterArena,
  AdapterRegistry,
  createAdapterAdministration,
  createAdapterControl,
  Router,
} from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { FakeStore, storedVersion } from '../../routing/testing/fake-store.ts';
import { adapterSamples, type AuditReader, type InferenceContext, type InferenceEntry } from '../../service/index.ts';
import { type EndedSequence, ServerMetrics } from '../../telemetry/index.ts';
import { Rollouts } from '../../service/rollouts/rollouts.ts';
import { EventLog } from '../observe/event-log.ts';
import { RolloutTrail } from '../observe/rollout-trail.ts';
import { createApp } from '../app.ts';
import { KeyRing, type NamedKey } from '../keys/key-ring.ts';
import type { Role } from '../keys/role.ts';
import { createScope, type Scope } from '../keys/scope.ts';
import { fakeContext } from './fake-context.ts';
import { fakeFleet } from './fake-fleet.ts';
import { fakeFile, fakeJob, fakeJobs } from './fake-jobs.ts';
import { fakeModels } from './fake-models.ts';

/** Random names, so that none is part of another or of any text of ours. */
const word = (): string => `n${randomBytes(6).toString('hex')}`;

/** A tenant of a server, and the names that only it may see. */
export class Tenant {
  readonly key = word();
  readonly keyName = word();
  readonly org = word();
  /** Of the base. The first is there twice with the same content as that of every other tenant. */
  readonly adapters = [`${this.org}/${word()}`, `${this.org}/${word()}`];
  readonly model = word();
  /** Of the model `echo`. */
  readonly modelAdapter = word();

  get listed(): string[] {
    return [`${this.org}/*`, this.model, 'echo', `echo:${this.modelAdapter}`, 'shared'];
  }

  /** Every text that must not reach another tenant. */
  get secrets(): readonly string[] {
    return [
      this.keyName,
      this.org,
      ...this.adapters.map((name) => name.replace(`${this.org}/`, '')),
      this.model,
      this.modelAdapter,
    ];
  }

  named(role: Role, scope: Scope = createScope(this.listed)): NamedKey {
    return {
      name: this.keyName,
      sha256: createHash('sha256').update(this.key).digest('hex'),
      scope,
      roles: new Set([role]),
    };
  }
}

export interface TenantsApp extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly baseName: string;
  /** The adapters of the base that the first tenant may not change, with their versions. */
  others(): string[];
}

/**
 * A server with every route, of two tenants, each with adapters of the base and of a model, and a model of its own. The name `shared` is
 * that of both, and the other tenant has changed it.
 */
export async function openTenants(
  { own, other }: { readonly own: Tenant; readonly other: Tenant },
  keys: readonly NamedKey[],
): Promise<TenantsApp> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  const baseName = word();
  // WHY: nothing here looks into weights.
  const arena = new FakeArena() as unknown as AdapterArena<PreparedAdapter>;
  const registry = new AdapterRegistry(arena, { memory: 1000 });
  const store = new FakeStore(['v1', 'v2', 'v3'], { staging: folder, put: () => Promise.resolve({ digest: 'v3' }) });
  const control = createAdapterControl({ registry, baseName, store });
  const rollouts = new Rollouts({ registry });
  const cause = { actor: `key ${other.keyName}`, reason: `as ${other.org} asks` };
  for (const name of [...own.adapters, ...other.adapters]) {
    await mkdir(join(folder, name), { recursive: true });
    await control.move(name, 'v1', {});
  }
  await control.move('shared', 'v1', { cause });
  // The files from which the other tenant loaded it.
  const known = storedVersion('v2');
  const path = join(folder, other.adapters[0] ?? '');
  await registry.adopt('shared', { ...known, path, source: { ...known.source, path } }, { cause });
  await rollouts.begin({ control, store });
  await rollouts.start('shared', 'v3', { cause });
  await rollouts.command('shared', 'abort', { cause: { actor: cause.actor } });
  await control.pin('shared', { cause });
  for (const name of [own.adapters[1], other.adapters[1]]) await rollouts.start(name ?? '', 'v2', {});
  const router = new Router({ baseName, registry, versions: rollouts.choice });
  const adapters = createAdapterAdministration({ registry, linears: [], folder, baseName });
  const audit: AuditReader = {
    page: async ({ matches = () => true }) => ({ records: auditOf([own, other]).filter(matches), before: undefined }),
  };
  const generation = { ...fakeContext(), baseName, adapters, control, rollouts, router, audit };
  const metrics = new ServerMetrics({ version: '1', loop: silentLoop });
  metrics.attach({
    baseName,
    isReady: () => true,
    adapters: () => adapterSamples(registry, () => false),
    memory: () => registry.memory(),
  });
  for (const name of [...own.adapters, ...other.adapters]) metrics.ended(endedSequence(name));
  const events = new EventLog();
  const trail = new RolloutTrail({ list: () => rollouts.list(), timers: { after: () => () => undefined } });
  trail.look();
  // WHY now, and not when they happen: those of other servers of the process would be in the log too.
  for (const {
    adapters: [name = ''],
    keyName,
    org,
  } of [own, other]) {
    const cause = { actor: `key ${keyName}`, reason: `as ${org} asks` };
    const error = new EspalierError('ADAPTER_NOT_FOUND', { name, hint: ` (did you mean ${name}?)` });
    publishAdapterEvent({ event: 'publish', name, version: 'v1', ...cause, error });
    publishAdapterEvent({ event: 'pin', name: 'shared', version: 'v1', ...cause });
    publishAdapterEvent({ event: 'retire', version: 'v1', reason: `of ${name}` });
  }
  const embedder = { embed: () => Promise.resolve([]), maxLength: 64 };
  const leased = {
    has: (name: string) => registry.has(name),
    list: () => registry.list(),
    lease: noWeights,
    acquire: noLease,
    leaseVersion: noWeights,
  };
  const embeddings = {
    ...generation,
    router: new Router<ResidentAdapter>({ baseName, registry: leased }),
    embedder,
    width: 2,
  };
  const scorer = { score: () => Promise.resolve([]), maxLength: 64 };
  const rerank = { ...generation, router: embeddings.router, scorer };
  const inference = modelsOf([own, other], folder);
  const ring = new KeyRing({});
  ring.replace(keys);
  const jobs = fakeJobs({
    jobs: [own, other].map(({ org, keyName }) =>
      fakeJob({
        id: `ftjob-${org}`,
        fineTunedModel: `${org}/tuned`,
        suffix: org,
        owner: keyName,
        actor: `key ${keyName}`,
      }),
    ),
    files: [own, other].map(({ org, keyName }) =>
      fakeFile({ id: `file-${org}`, filename: `${org}.jsonl`, owner: keyName }),
    ),
  });
  const services = { generation, embeddings, rerank, inference: inference.context, jobs, fleet: fakeFleet() };
  const app = createApp(generation, services, { keys: ring, metrics, events, trail });
  return {
    app,
    baseName,
    others: () => {
      const names = registry.list().filter(({ name }) => name !== 'shared' && !name.startsWith(own.org));
      return names.map(({ name, version = '' }) => `${name} ${version}`).toSorted();
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      for (const one of [trail, events, metrics]) one[Symbol.dispose]();
      await rollouts[Symbol.asyncDispose]();
      registry.dispose();
      inference.dispose();
      await rm(folder, { recursive: true });
    },
  };
}

/** The model `echo` with an adapter of each tenant, and a model of each. */
function modelsOf(tenants: readonly Tenant[], folder: string): { readonly context: InferenceContext; dispose(): void } {
  const registry = new AdapterRegistry(new FakeArena(), { memory: 1000 });
  const adapters = createAdapterAdministration({ registry, linears: [], folder, baseName: 'echo' });
  const { models, version } = fakeModels(adapters);
  const echo = models.get('echo');
  if (echo === undefined) throw new Error('no model');
  for (const { modelAdapter } of tenants) {
    // The files of another tenant, as they are named where two have the same content.
    const path = join(folder, ...tenants.flatMap(({ adapters: [name = ''] }) => name));
    const problem = new EspalierError('FILE_NOT_FOUND', { what: 'adapter', path });
    registry.fail(modelAdapter, { path, read: () => Promise.reject(problem) }, problem);
  }
  // WHY no weights: an adapter that cannot be served is named everywhere, too.
  const leased = {
    has: (name: string) => registry.has(name),
    lease: (name: string) =>
      registry.has(name) ? noWeights() : Promise.reject(new EspalierError('ADAPTER_NOT_FOUND', { name, hint: '' })),
  };
  const entries: [string, InferenceEntry][] = [['echo', { ...echo, registry: leased }]];
  for (const { model: name } of tenants) {
    entries.push([name, { model: { ...echo.model, name }, adapters: undefined, registry: undefined }]);
  }
  return {
    context: { models: new Map(entries), version },
    dispose: () => registry.dispose(),
  };
}

function noLease(): never {
  throw new Error('no weights');
}

function noWeights(): Promise<never> {
  return Promise.reject(new Error('no weights'));
}

const silentLoop = { take: () => ({ p50: 0, p99: 0, max: 0 }), [Symbol.dispose]: () => undefined };

function endedSequence(name: string): EndedSequence {
  const times = { arrived: 1, admitted: 2, firstToken: 3, finished: 4 };
  const adapters = [{ name, version: 'v1', scale: 1 }];
  return {
    how: 'finished',
    isBackground: false,
    adapters,
    promptTokens: 1,
    cachedTokens: 0,
    generatedTokens: 1,
    times,
  };
}

/** A record of each tenant, and one that names neither. */
function auditOf(tenants: readonly Tenant[]): Awaited<ReturnType<AuditReader['page']>>['records'] {
  const of = (seq: number, name: string | undefined, { keyName, org }: Tenant) => ({
    seq,
    time: '2026-11-30T12:00:00.000Z',
    actor: `key ${keyName}`,
    event: 'publish' as const,
    result: 'failed' as const,
    ...(name === undefined ? {} : { name }),
    reason: `as ${org} asks`,
    message: `the files of ${org} cannot be read`,
    prev: '0',
  });
  return tenants.flatMap((tenant, at) => [
    of(3 * at + 1, tenant.adapters[0], tenant),
    of(3 * at + 2, 'shared', tenant),
    of(3 * at + 3, undefined, tenant),
  ]);
}
