import type { Sample } from './definition.ts';
import type { MetricSet } from './metric-set.ts';
import type { Reading } from './reading.ts';
import type { ServerTable } from './server-table.ts';
import type { EngineSample, MetricSources } from './sources.ts';

/** Reads the queue, the batches, the tokens and the kept prompts of the engine. */
export function readEngine(set: MetricSet<ServerTable>, reading: () => Reading): void {
  const each = (of: (engine: EngineSample) => Iterable<Sample>): (() => Iterable<Sample>) => {
    return () => {
      const { engine } = reading();
      return engine === undefined ? [] : of(engine);
    };
  };
  const one = (of: (engine: EngineSample) => number): (() => Iterable<Sample>) =>
    each((engine) => [{ value: of(engine) }]);
  const ofModel = (of: (engine: EngineSample, sources: MetricSources) => number): (() => Iterable<Sample>) => {
    return () => {
      const { sources, engine } = reading();
      if (sources === undefined || engine === undefined) return [];
      return [{ labels: { model_name: sources.baseName }, value: of(engine, sources) }];
    };
  };
  set.read(
    'vllm:num_requests_running',
    ofModel(({ running }) => running),
  );
  set.read(
    'vllm:num_requests_waiting',
    ofModel(({ waiting }) => waiting),
  );
  set.read(
    'vllm:kv_cache_usage_perc',
    ofModel(({ cacheUsage }) => cacheUsage),
  );
  set.read(
    'vllm:num_gpu_loaded_lora_adapters',
    ofModel(({ arena }) => arena?.present ?? 0),
  );
  set.read(
    'vllm:num_cpu_loaded_lora_adapters',
    ofModel((_engine, { memory }) => memory?.().versions ?? 0),
  );
  set.read('vllm:max_gpu_lora_adapters', ofModel(maxAdapters));
  set.read('vllm:lora_requests_info', () => {
    const { engine, view } = reading();
    if (engine === undefined) return [];
    const names = (of: Iterable<string>): string => [...of].filter((name) => view.sees(name)).join(', ');
    const labels = {
      max_lora: String(maxAdapters(engine)),
      running_lora_adapters: names(engine.runningAdapters),
      waiting_lora_adapters: names(engine.waitingAdapters),
    };
    return [{ labels, value: Date.now() / 1000 }];
  });
  set.read(
    'espalier_slots',
    one(({ slots }) => slots),
  );
  set.read(
    'espalier_requests_accepted_total',
    one(({ requests }) => requests.accepted),
  );
  set.read(
    'espalier_requests_preempted_total',
    one(({ requests }) => requests.preempted),
  );
  set.read(
    'espalier_requests_total',
    each(({ requests }) =>
      (['finished', 'cancelled', 'failed', 'refused'] as const).map((outcome) => {
        return { labels: { outcome }, value: requests[outcome] };
      }),
    ),
  );
  set.read(
    'espalier_prompt_tokens_total',
    one(({ tokens }) => tokens.prompt),
  );
  set.read(
    'espalier_generated_tokens_total',
    one(({ tokens }) => tokens.generated),
  );
  set.read(
    'espalier_decode_steps_total',
    each(({ batchSizes }) =>
      Object.entries(batchSizes).map(([size, value]) => ({ labels: { batch_size: size }, value })),
    ),
  );
  const prefixes = (of: (kept: NonNullable<EngineSample['prefixes']>) => number): (() => Iterable<Sample>) =>
    each((engine) => (engine.prefixes === undefined ? [] : [{ value: of(engine.prefixes) }]));
  set.read(
    'espalier_prefix_asked_tokens_total',
    prefixes(({ askedTokens }) => askedTokens),
  );
  set.read(
    'espalier_prefix_hit_tokens_total',
    prefixes(({ hitTokens }) => hitTokens),
  );
  set.read(
    'espalier_prefix_damaged_blocks_total',
    prefixes(({ damaged }) => damaged),
  );
  set.read(
    'espalier_prefix_bytes',
    prefixes(({ bytes }) => bytes),
  );
  const arena = (of: (rows: NonNullable<EngineSample['arena']>) => number): (() => Iterable<Sample>) =>
    each((engine) => (engine.arena === undefined ? [] : [{ value: of(engine.arena) }]));
  set.read(
    'espalier_adapter_rows',
    arena(({ rows }) => rows),
  );
  set.read(
    'espalier_adapter_rows_used',
    arena(({ used }) => used),
  );
  set.read(
    'espalier_adapter_activations_total',
    arena(({ activations }) => activations),
  );
}

/** WHY at least those present: small adapters stay where runs read them beyond one for each slot, and a router subtracts the two. */
function maxAdapters({ slots, arena }: EngineSample): number {
  return arena === undefined ? 0 : Math.max(slots, arena.present);
}
