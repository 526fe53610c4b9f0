import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EspalierError, publishAdapterEvent } from '../../core/index.ts';
import { Series } from '../testing/series.ts';
import { ServerMetrics } from './server-metrics.ts';
import { serverTable } from './server-table.ts';
import type { AdapterSample, EndedSequence, EngineSample, MetricSources } from './sources.ts';

const adapter = (name: string, rest: Partial<AdapterSample> = {}): AdapterSample => ({
  name,
  state: 'serving',
  version: `${name}-0123456789abcdef`,
  bytes: 100,
  requests: 1,
  isResident: true,
  isActive: false,
  isPinned: false,
  isDraining: false,
  ...rest,
});

const engine: EngineSample = {
  slots: 4,
  running: 2,
  waiting: 3,
  cacheUsage: 0.25,
  runningAdapters: ['a'],
  waitingAdapters: ['a', 'b'],
  requests: { accepted: 9, refused: 1, finished: 5, cancelled: 1, failed: 0, preempted: 2 },
  tokens: { prompt: 40, generated: 30 },
  batchSizes: { 1: 7, 2: 3 },
  prefixes: { askedTokens: 32, hitTokens: 16, damaged: 0, bytes: 4096 },
  arena: { rows: 64, used: 8, present: 6, activations: 11 },
};

const ended = (rest: Partial<EndedSequence> = {}): EndedSequence => ({
  how: 'finished',
  isBackground: false,
  adapters: [],
  promptTokens: 5,
  cachedTokens: 0,
  generatedTokens: 3,
  times: { arrived: 0, admitted: 10, firstToken: 30, finished: 50 },
  ...rest,
});

const lease = (name: string): EndedSequence['adapters'][number] => ({ name, version: 'v', scale: 1 });

let metrics: ServerMetrics;
let adapters: AdapterSample[];
const sources: MetricSources = {
  baseName: 'base',
  isReady: () => true,
  engine: () => engine,
  adapters: () => adapters,
  breakers: () => [{ version: adapter('a').version ?? '', state: 'open' }],
  rollouts: () => [
    { name: 'b', phase: 'running', step: 1, share: 0.1, mirror: 0, comparisons: 4, divergence: 0.2, agreement: 0.9 },
  ],
  memory: () => ({ used: 200, limit: 1000, versions: 2 }),
  fleet: () => ({ ageSeconds: 3, lookSeconds: 0, sync: 'synced', commit: 'c0ffee', kinds: { different: 1 } }),
  policy: () => ({ isRefused: true }),
  spans: () => ({ made: 9, sent: 5, failed: 1 }),
  jobs: () => ({ states: { queued: 0, running: 2 }, places: 3, trainingSeconds: 7.5 }),
};

beforeEach(() => {
  adapters = [adapter('a', { isActive: true, isPinned: true }), adapter('b')];
  metrics = new ServerMetrics({ version: '1.2.3', maxAdapters: 3 });
  metrics.attach(sources);
});
afterEach(() => metrics[Symbol.dispose]());

const read = async (): Promise<Series> => new Series(String(await metrics.text()));

describe('the series of a server', () => {
  it('are those of the table, with its types', async () => {
    const series = await read();
    expect(series.names).toEqual(Object.keys(serverTable));
    for (const [name, { kind }] of Object.entries(serverTable))
      expect(`${name} ${series.typeOf(name)}`).toBe(`${name} ${kind}`);
  });

  it('has a source for everything that is read', async () => {
    metrics.ended(ended({ adapters: [lease('a')] }));
    adapters.push(adapter('c', { isDraining: true }));
    publishAdapterEvent({ event: 'load', name: 'a', durationMs: 20 });
    publishAdapterEvent({ event: 'fail', name: 'a', error: new Error('no') });
    metrics.answered({ method: 'GET', route: '/health', status: 200, seconds: 0.01 });
    const series = await read();
    const empty = series.names.filter((name) => series.labels(name).length === 0);
    expect(empty).toEqual([]);
  });

  it('tell routers what they look for', async () => {
    const series = await read();
    const model = { model_name: 'base' };
    expect(series.value('vllm:num_requests_running', model)).toBe(2);
    expect(series.value('vllm:num_requests_waiting', model)).toBe(3);
    expect(series.value('vllm:kv_cache_usage_perc', model)).toBe(0.25);
    expect(series.value('vllm:num_gpu_loaded_lora_adapters', model)).toBe(6);
    expect(series.value('vllm:num_cpu_loaded_lora_adapters', model)).toBe(2);
    // WHY 6: more adapters are there than slots.
    expect(series.value('vllm:max_gpu_lora_adapters', model)).toBe(6);
    expect(series.labels('vllm:lora_requests_info')).toEqual([
      { max_lora: '6', running_lora_adapters: 'a', waiting_lora_adapters: 'a, b' },
    ]);
    expect(series.labels('vllm:lora_adapter_loaded')).toEqual([
      { adapter_name: 'a', level: 'gpu', pinned: 'true' },
      { adapter_name: 'b', level: 'cpu', pinned: 'false' },
    ]);
    expect(series.value('device_up', { type: 'lora', id: 'a' })).toBe(1);
  });

  it('tell how the jobs stand', async () => {
    const series = await read();
    expect(series.value('espalier_jobs', { state: 'running' })).toBe(2);
    expect(series.value('espalier_jobs', { state: 'queued' })).toBe(0);
    expect(series.value('espalier_job_places')).toBe(3);
    expect(series.value('espalier_job_training_seconds_total')).toBe(7.5);
  });

  it('tell residency and activity apart', async () => {
    const series = await read();
    expect(series.value('espalier_adapter_resident', { adapter: 'b' })).toBe(1);
    expect(series.value('espalier_adapter_active', { adapter: 'b' })).toBe(0);
    expect(series.value('espalier_adapter_active', { adapter: 'a' })).toBe(1);
  });

  it('go with their adapter', async () => {
    metrics.ended(ended({ adapters: [lease('b')] }));
    expect((await read()).labelValues).toContain('b');
    adapters.pop();
    const series = await read();
    const named = Object.keys(serverTable).filter((name) =>
      series.labels(name).some((labels) => Object.values(labels).includes('b')),
    );
    expect(named).toEqual([]);
  });

  it('count an adapter that comes back from nothing', async () => {
    metrics.ended(ended({ adapters: [lease('b')] }));
    const b = adapters.pop();
    await read();
    if (b) adapters.push(b);
    expect(
      (await read()).value('espalier_adapter_requests_total', { adapter: 'b', outcome: 'finished' }),
    ).toBeUndefined();
  });

  it('let other work go on while the adapters are listed, and count what it does', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => ++now);
    try {
      const seen: number[] = [];
      let turns = 0;
      metrics.attach({
        ...sources,
        *adapters() {
          for (const name of ['a', 'b', 'c']) {
            seen.push(turns);
            yield adapter(name);
            setImmediate(() => turns++);
          }
          metrics.ended(ended({ adapters: [lease('late')] }));
        },
      });
      await metrics.text();
      expect(seen).toEqual([0, 0, 1]);
    } finally {
      clock.mockRestore();
    }
    adapters = [adapter('late')];
    metrics.attach(sources);
    const late = { adapter: 'late', outcome: 'finished' };
    expect((await read()).value('espalier_adapter_requests_total', late)).toBe(1);
  });

  it('are added up as other beyond the limit', async () => {
    adapters = ['a', 'b', 'c', 'd', 'e'].map((name) => adapter(name));
    metrics.ended(ended({ adapters: [lease('d')] }));
    metrics.ended(ended({ adapters: [lease('e')] }));
    const series = await read();
    expect(series.value('espalier_adapter_resident_bytes', { adapter: 'other' })).toBe(200);
    expect(series.value('espalier_adapter_requests_total', { adapter: 'other', outcome: 'finished' })).toBe(2);
    expect(series.value('espalier_adapters_folded')).toBe(2);
    expect(series.value('espalier_adapters', { state: 'serving' })).toBe(5);
    expect(series.labelValues.has('d')).toBe(false);
  });

  it('add an adapter up that has the name of the sum', async () => {
    adapters = ['other', 'b', 'c', 'd'].map((name) => adapter(name));
    expect((await read()).value('espalier_adapter_resident_bytes', { adapter: 'other' })).toBe(200);
  });

  it('show a key its own names only', async () => {
    metrics.ended(ended({ adapters: [lease('b')] }));
    const text = await metrics.text({ isAll: false, sees: (name) => name === 'a' });
    const { labelValues } = new Series(String(text));
    expect(labelValues).toContain('a');
    expect([...labelValues].filter((value) => /\bb\b/.test(value))).toEqual([]);
  });

  it('keep the names of two keys apart that ask at once', async () => {
    const only = (own: string) => metrics.text({ isAll: false, sees: (name) => name === own });
    const [a, b, all] = await Promise.all([only('a'), only('b'), metrics.text()]);
    expect(new Series(String(a)).labelValues.has('b')).toBe(false);
    expect(new Series(String(b)).labelValues.has('a')).toBe(false);
    expect(new Series(String(all)).labelValues).toContain('b');
  });

  it('measure only what ran for a client and finished', async () => {
    metrics.ended(ended());
    metrics.ended(ended({ isBackground: true }));
    metrics.ended(ended({ how: 'failed', error: new Error('no') }));
    const series = await read();
    expect(series.value('espalier_request_duration_seconds')).toBe(1);
    expect(series.value('espalier_time_to_first_token_seconds')).toBe(2);
    expect(series.value('espalier_time_per_output_token_seconds')).toBe(1);
    expect(series.value('espalier_adapter_requests_total', { adapter: 'base', outcome: 'finished' })).toBe(2);
    expect(series.value('espalier_adapter_requests_total', { adapter: 'base', outcome: 'failed' })).toBe(1);
  });

  it('count the events of adapters, and the codes of their errors', async () => {
    publishAdapterEvent({ event: 'load', name: 'a', durationMs: 20 });
    publishAdapterEvent({ event: 'resident', durationMs: 10 });
    publishAdapterEvent({
      event: 'fail',
      name: 'b',
      error: new EspalierError('ADAPTER_NOT_FOUND', { name: 'b', hint: '' }),
    });
    publishAdapterEvent({ event: 'publish', result: 'refused', name: 'b', error: new Error('any text that came in') });
    const series = await read();
    expect(series.value('espalier_adapter_events_total', { event: 'load', result: 'done' })).toBe(1);
    expect(series.value('espalier_adapter_failures_total', { event: 'fail', code: 'ADAPTER_NOT_FOUND' })).toBe(1);
    expect(series.value('espalier_adapter_failures_total', { event: 'publish', code: 'OTHER' })).toBe(1);
    expect(series.value('espalier_adapter_change_seconds', { event: 'load' })).toBe(1);
    expect(series.value('vllm:lora_adapter_load_seconds')).toBe(1);
  });

  it('tell the breaker of a version under its name, and the step of a roll-out', async () => {
    const series = await read();
    const of = (state: string) => ({ adapter: 'a', version: 'a-0123456789', state });
    expect(series.value('espalier_breaker_state', of('open'))).toBe(1);
    expect(series.value('espalier_breaker_state', of('closed'))).toBeUndefined();
    expect(series.value('espalier_rollout_phase', { adapter: 'b', phase: 'running' })).toBe(1);
    expect(series.value('espalier_rollout_kl_nats', { adapter: 'b' })).toBe(0.2);
  });

  it('hears no events after it was disposed of', async () => {
    metrics[Symbol.dispose]();
    publishAdapterEvent({ event: 'load', name: 'a' });
    expect((await read()).value('espalier_adapter_events_total', { event: 'load', result: 'done' })).toBeUndefined();
  });
});
