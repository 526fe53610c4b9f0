import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLog, entryOf } from '../../src/adapter-store/index.ts';
import { EspalierError, onAdapterEvent, publishAdapterEvent } from '../../src/core/index.ts';
import type { PreparedAdapter } from '../../src/engine/index.ts';
import { createApp } from '../../src/http/app.ts';
import { systemTimers } from '../../src/http/door/timers.ts';
import { EventLog } from '../../src/http/observe/event-log.ts';
import { RolloutTrail } from '../../src/http/observe/rollout-trail.ts';
import { characterTokenizer, fakeContext } from '../../src/http/testing/fake-context.ts';
import {
  type AdapterArena,
  type AdapterControl,
  AdapterRegistry,
  createAdapterControl,
  Router,
} from '../../src/routing/index.ts';
import { FakeArena } from '../../src/routing/testing/fake-arena.ts';
import { FakeStore } from '../../src/routing/testing/fake-store.ts';
import { auditReaderOf } from '../../src/service/audit-reader.ts';
import type { GeneratedToken, GenerationEngine, GenerationRequest } from '../../src/service/index.ts';
import { adapterSamples } from '../../src/service/index.ts';
import type { JobControl, JobRecord } from '../../src/jobs/index.ts';
import { fakeJob, fakeJobs } from '../../src/http/testing/fake-jobs.ts';
import { Rollouts } from '../../src/service/rollouts/rollouts.ts';
import { ServerMetrics } from '../../src/telemetry/index.ts';

export const keys = { read: 'read-secret', admin: 'admin-secret' } as const;

export interface ServedPage extends AsyncDisposable {
  readonly url: string;
  /** What the server itself knows, to compare with what the page says. */
  readonly control: AdapterControl;
  readonly rollouts: Rollouts<PreparedAdapter>;
  readonly names: readonly string[];
  /** Sends a question under a name, as a client would. */
  ask(name: string): Promise<void>;
  /** Moves a name to another version, as a new file in the store would. */
  swap(name: string): Promise<void>;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
export const versions = { first: digest('first'), second: digest('second'), third: digest('third') };
const { first, second, third } = versions;

const teams = ['billing', 'claims', 'legal', 'support', 'triage'];
const tasks = ['answer', 'classify', 'extract', 'rewrite', 'summarise', 'translate'];

/** Names as a company might have them. */
function namesFor(count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const name = `${teams[at % teams.length]}-${tasks[Math.floor(at / teams.length) % tasks.length]}`;
    return at < teams.length * tasks.length ? name : `${name}-${Math.floor(at / (teams.length * tasks.length)) + 1}`;
  });
}

export interface ServeOptions {
  readonly adapters: number;
  readonly hasKeys?: boolean;
  /** Serves without a store, and so without an audit record. */
  readonly hasStore?: boolean;
}

/** A server with every route of the page, whose adapters hold no weights and whose answers are written here. */
export async function servePage({
  adapters: count,
  hasKeys = true,
  hasStore = true,
}: ServeOptions): Promise<ServedPage> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-page-'));
  const log = await AuditLog.open({ folder, onProblem: () => undefined });
  const recording = onAdapterEvent((event) => log.append(entryOf(event)));
  const metrics = new ServerMetrics({ version: '1' });
  const events = new EventLog();
  const registry = new AdapterRegistry(new FakeArena() as unknown as AdapterArena<PreparedAdapter>, { memory: 1e9 });
  const baseName = 'qwen3-0.6b';
  const store = new FakeStore([first, second, third], { staging: folder });
  const control = createAdapterControl({ registry, baseName, store });
  const rollouts = new Rollouts({ registry });
  await rollouts.begin({ control, store });
  const names = namesFor(count);
  const cause = { actor: 'store', reason: 'came into the store' };
  for (const name of names) await control.move(name, first, { cause });
  const engine = new FakeEngine(metrics);
  metrics.attach({
    baseName,
    isReady: () => true,
    engine: () => engine.sample(),
    adapters: () => adapterSamples(registry, (version) => version === second),
    breakers: () => [{ version: first, state: 'closed' }],
    rollouts: () => [],
    memory: () => registry.memory(),
  });
  const trail = new RolloutTrail({ list: () => rollouts.list(), timers: systemTimers, everyMs: 100 });
  const context = {
    ...fakeContext(),
    engine,
    baseName,
    maxLength: 4096,
    tokenizer: characterTokenizer,
    control,
    rollouts,
    router: new Router({ baseName, registry, versions: rollouts.choice }),
    trials: { shadow: { offer: compare, skip: () => undefined } },
    ...(hasStore ? { audit: auditReaderOf(folder) } : {}),
  };
  const app = createApp(
    context,
    { generation: context, ...(hasStore ? { jobs: jobsThatTrain() } : {}) },
    { ...(hasKeys ? { adminKey: keys.admin, readKey: keys.read } : {}), metrics, events, trail },
  );
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return {
    url,
    control,
    rollouts,
    names,
    async ask(name) {
      const body = JSON.stringify({ model: name, prompt: 'x', max_tokens: 40, temperature: 0 });
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${keys.admin}` };
      const answer = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(await answer.text());
    },
    async swap(name) {
      await control.move(name, second, { cause });
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      recording[Symbol.dispose]();
      for (const one of [trail, events, metrics]) one[Symbol.dispose]();
      await rollouts[Symbol.asyncDispose]();
      registry.dispose();
      await log[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** What happens on any server that runs for a while. */
export function somethingFails(name: string): void {
  const error = new EspalierError('ADAPTER_NOT_FOUND', { name, hint: '' });
  publishAdapterEvent({ event: 'quarantine', name, actor: 'store', result: 'refused', error });
  publishAdapterEvent({
    event: 'breaker',
    version: first,
    actor: 'breaker',
    reason: 'half of its calls failed',
    details: { from: 'closed', to: 'open', requests: 20, failures: 11 },
  });
}

/** Two jobs, of which one is under way. Commands change its state, and nothing else. */
function jobsThatTrain(): JobControl {
  const seconds = Math.floor(Date.now() / 1000);
  const common = { model: 'qwen3-0.6b', steps: 200, trainedTokens: 48_300 };
  let jobs: JobRecord[] = [
    fakeJob({ ...common, id: 'ftjob-7Qk2', createdAt: seconds - 340, suffix: 'claims' }),
    fakeJob({
      ...common,
      id: 'ftjob-3Lx9',
      createdAt: seconds - 8000,
      status: 'succeeded',
      fineTunedModel: 'ft:qwen3-0.6b::3Lx9',
    }),
  ];
  const find = (id: string): JobRecord | undefined => jobs.find((job) => job.id === id);
  return {
    ...fakeJobs(),
    list: () => jobs,
    find,
    async command(id, what) {
      const status = ({ pause: 'paused', resume: 'running', cancel: 'cancelled' } as const)[what];
      jobs = jobs.map((job) => (job.id === id ? { ...job, status } : job));
      return find(id) ?? fakeJob();
    },
    // The latest first, as the server's own are.
    events: async (id) => {
      const lastStep = id === 'ftjob-3Lx9' ? 200 : 140;
      const steps = Array.from({ length: lastStep / 2 }, (_, at) => 2 * at + 2);
      const told = [
        {
          id: `ftevent-${id}-0`,
          createdAt: seconds,
          level: 'info' as const,
          type: 'message' as const,
          message: 'The training has begun.',
          data: {},
        },
        ...steps.map((step) => ({
          id: `ftevent-${id}-${step}`,
          createdAt: seconds,
          level: 'info' as const,
          type: 'metrics' as const,
          message: `Step ${step}`,
          data: {
            step,
            train_loss: lossAt(step, 0.05),
            ...(step % 20 === 0 ? { valid_loss: lossAt(step, 0) + 0.12 } : {}),
          },
        })),
      ];
      return told.toReversed();
    },
  };
}

function lossAt(step: number, noise: number): number {
  return 0.7 + 2.3 * Math.exp(-step / 45) + noise * Math.sin(step * 7);
}

let compared = 0;

/** What a comparison of two versions of the same model may find. */
const compare: NonNullable<NonNullable<ReturnType<typeof fakeContext>['trials']>['shadow']>['offer'] = ({ record }) => {
  compared++;
  const divergence = 0.09 + 0.05 * Math.sin(compared);
  const comparison = {
    positions: 20,
    divergence,
    agreement: 0.93 + 0.03 * Math.cos(compared),
    stableEntropy: 1,
    candidateEntropy: 1,
  };
  record({ outcome: 'success', hasStableFailed: false, comparison });
};

const answers: Readonly<Record<string, string>> = {
  base: 'The invoice is due on the last day of the month.',
  [first]: 'The invoice is due within 30 days of its date.',
  [second]: 'The invoice is due within 14 days of its date.',
};

/** Writes what is above, a letter a token. */
class FakeEngine implements GenerationEngine {
  readonly #metrics: ServerMetrics;
  #running = 0;
  #finished = 0;
  #tokens = 0;

  constructor(metrics: ServerMetrics) {
    this.#metrics = metrics;
  }

  generate(request: GenerationRequest): AsyncIterable<GeneratedToken> {
    return this.#write(request);
  }

  async *#write({ adapters, maxTokens }: GenerationRequest): AsyncIterable<GeneratedToken> {
    const [adapter] = adapters;
    const lease = adapter?.lease;
    const text = answers[lease?.version.digest ?? 'base'] ?? 'Nothing.';
    const letters = [...text].slice(0, maxTokens - 1);
    const arrived = performance.now();
    this.#running++;
    try {
      for (const letter of letters) {
        await new Promise((resolve) => setImmediate(resolve));
        const token = letter.charCodeAt(0);
        this.#tokens++;
        yield {
          token,
          logprob: -0.05 * (1 + (token % 7)),
          topLogprobs: [{ token, logprob: -0.05 * (1 + (token % 7)) }],
        };
      }
      yield { token: 0, logprob: -0.01, topLogprobs: [{ token: 0, logprob: -0.01 }], finishReason: 'stop' };
    } finally {
      this.#running--;
      this.#finished++;
      const finished = performance.now();
      this.#metrics.ended({
        how: 'finished',
        isBackground: false,
        adapters: lease ? [{ name: lease.alias, version: lease.version.digest, scale: 1 }] : [],
        promptTokens: 1,
        cachedTokens: 0,
        generatedTokens: letters.length,
        times: { arrived, admitted: arrived + 1, firstToken: arrived + 12, finished },
      });
    }
  }

  sample() {
    return {
      slots: 16,
      running: this.#running,
      waiting: 0,
      cacheUsage: this.#running / 16,
      runningAdapters: [],
      waitingAdapters: [],
      requests: {
        accepted: this.#finished,
        refused: 0,
        finished: this.#finished,
        cancelled: 0,
        failed: 0,
        preempted: 0,
      },
      tokens: { prompt: this.#finished, generated: this.#tokens },
      batchSizes: {},
    };
  }
}
