import { shortVersion } from '../short-version.ts';
import { amounts, type ListedAdapters, loadedAdapters, other } from './adapter-samples.ts';
import type { Sample } from './definition.ts';
import type { MetricSet } from './metric-set.ts';
import { escaped } from './metric-text.ts';
import { addCounts, type AdapterCounts, noCounts, type RequestCounts, several } from './request-counts.ts';
import type { Reading } from './reading.ts';
import type { ServerTable } from './server-table.ts';
import type { AdapterSample, RolloutSample } from './sources.ts';

const ends = ['finished', 'cancelled', 'failed'] as const;
const kinds = ['prompt', 'cached', 'generated'] as const;

/** Reads the names of adapters, their breakers and their roll-outs. */
export function readAdapters(set: MetricSet<ServerTable>, reading: () => Reading, counts: RequestCounts): void {
  const amountsOf = (of: (adapter: AdapterSample) => number): (() => Iterable<Sample>) => {
    return () => amounts(reading().adapters, of);
  };
  set.read('vllm:lora_adapter_loaded', () => loadedAdapters(reading().adapters));
  set.read('device_up', () =>
    eachNamed(reading().adapters, ({ state }, name) => {
      return { labels: `{type="lora",id="${name}"}`, value: state === 'failed' ? 0 : 1 };
    }),
  );
  set.read('espalier_adapters', () => byState(reading().adapters));
  set.read('espalier_adapters_folded', () => [{ value: reading().adapters.folded.length }]);
  set.read('espalier_adapter_info', () =>
    eachNamed(reading().adapters, ({ version = '', state }, name) => {
      return { labels: `{adapter="${name}",version="${shortVersion(version)}",state="${state}"}`, value: 1 };
    }),
  );
  set.read(
    'espalier_adapter_resident',
    amountsOf(({ isResident }) => Number(isResident)),
  );
  set.read(
    'espalier_adapter_active',
    amountsOf(({ isActive }) => Number(isActive)),
  );
  set.read(
    'espalier_adapter_resident_bytes',
    amountsOf(({ isResident, bytes }) => (isResident ? bytes : 0)),
  );
  set.read(
    'espalier_adapter_leases',
    amountsOf(({ requests }) => requests),
  );
  set.read('espalier_adapter_draining', () =>
    eachNamed(reading().adapters, ({ isDraining }, name) => {
      return isDraining ? { labels: `{adapter="${name}"}`, value: 1 } : undefined;
    }),
  );
  set.read('espalier_adapter_requests_total', () =>
    counted(counts, reading(), ({ requests }, adapter) =>
      ends.map((how) => ({ labels: `{adapter="${adapter}",outcome="${how}"}`, value: requests[how] })),
    ),
  );
  set.read('espalier_adapter_tokens_total', () =>
    counted(counts, reading(), ({ tokens }, adapter) =>
      kinds.map((kind) => ({ labels: `{adapter="${adapter}",kind="${kind}"}`, value: tokens[kind] })),
    ),
  );
  const memory = (of: (memory: { readonly used: number; readonly limit: number }) => number): Iterable<Sample> => {
    const now = reading().sources?.memory?.();
    return now === undefined ? [] : [{ value: of(now) }];
  };
  set.read('espalier_adapter_memory_bytes', () => memory(({ used }) => used));
  set.read('espalier_adapter_memory_limit_bytes', () => memory(({ limit }) => limit));
  set.read('espalier_breaker_state', () => breakers(reading()));
  readRollouts(set, reading);
}

function readRollouts(set: MetricSet<ServerTable>, reading: () => Reading): void {
  const rollouts = (): RolloutSample[] => {
    const { sources, adapters } = reading();
    return [...(sources?.rollouts?.() ?? [])].filter(({ name }) => adapters.labels.has(name));
  };
  const each = (of: (rollout: RolloutSample) => number): (() => Iterable<Sample>) => {
    return () => rollouts().map((rollout) => ({ labels: { adapter: rollout.name }, value: of(rollout) }));
  };
  const compared = (of: (rollout: RolloutSample) => number): (() => Iterable<Sample>) => {
    return () =>
      rollouts()
        .filter(({ comparisons }) => comparisons > 0)
        .map((rollout) => ({ labels: { adapter: rollout.name }, value: of(rollout) }));
  };
  set.read('espalier_rollout_phase', () =>
    rollouts().map(({ name, phase }) => ({ labels: { adapter: name, phase }, value: 1 })),
  );
  set.read(
    'espalier_rollout_step',
    each(({ step }) => step),
  );
  set.read(
    'espalier_rollout_share_ratio',
    each(({ share }) => share),
  );
  set.read(
    'espalier_rollout_mirror_ratio',
    each(({ mirror }) => mirror),
  );
  set.read(
    'espalier_rollout_comparisons',
    each(({ comparisons }) => comparisons),
  );
  set.read(
    'espalier_rollout_kl_nats',
    compared(({ divergence }) => divergence),
  );
  set.read(
    'espalier_rollout_agreement_ratio',
    compared(({ agreement }) => agreement),
  );
}

function byState({ named, folded }: ListedAdapters): Sample[] {
  const states = new Map([
    ['pending', 0],
    ['serving', 0],
    ['failed', 0],
  ]);
  for (const { state } of [...named, ...folded]) states.set(state, (states.get(state) ?? 0) + 1);
  return [...states].map(([state, value]) => ({ labels: { state }, value }));
}

/** The counts of the names that the reader may see; those beyond the limit as one. */
function* counted(
  counts: RequestCounts,
  { sources, adapters, view }: Reading,
  /** The name comes as the value of a label in the text format. */
  samplesOf: (counts: AdapterCounts, adapter: string) => Sample[],
): Iterable<Sample> {
  const rest = noCounts();
  let hasRest = false;
  for (const [name, of] of counts.entries()) {
    if (!view.isAll && (name === several || !view.sees(name))) continue;
    const text =
      adapters.labels.get(name) ?? (name === several || name === sources?.baseName ? escaped(name) : undefined);
    if (text !== undefined) yield* samplesOf(of, text);
    else {
      hasRest = true;
      addCounts(rest, of);
    }
  }
  if (hasRest) yield* samplesOf(rest, other);
}

/** A breaker belongs to a version; it is told under each of the names that point to it. */
function* breakers({ sources, adapters }: Reading): Iterable<Sample> {
  const states = new Map<string, string>();
  for (const { version, state } of sources?.breakers?.() ?? []) states.set(version, state);
  if (states.size === 0) return;
  yield* eachNamed(adapters, ({ version = '' }, name) => {
    const state = states.get(version);
    if (state === undefined) return undefined;
    return { labels: `{adapter="${name}",version="${shortVersion(version)}",state="${state}"}`, value: 1 };
  });
}

/** @param sampleOf  gets each name as the value of a label in the text format; undefined: this adapter has no such series */
function* eachNamed(
  { named, labels }: ListedAdapters,
  sampleOf: (adapter: AdapterSample, name: string) => Sample | undefined,
): Iterable<Sample> {
  for (const adapter of named) {
    const sample = sampleOf(adapter, labels.get(adapter.name) ?? '');
    if (sample !== undefined) yield sample;
  }
}
