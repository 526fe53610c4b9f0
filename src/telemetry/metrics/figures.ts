import type { AdapterCounts, RequestCounts } from './request-counts.ts';
import type { RecentFigures } from './recent-times.ts';
import type { EngineSample, MetricSources, View } from './sources.ts';

/** What a server does now, for those who look at it. Counters count from the start of the server. */
export interface ServerFigures {
  readonly baseName: string;
  readonly isReady: boolean;
  readonly engine:
    | Pick<EngineSample, 'slots' | 'running' | 'waiting' | 'cacheUsage' | 'requests' | 'tokens'>
    | undefined;
  readonly memory: { readonly used: number; readonly limit: number; readonly versions: number } | undefined;
  readonly recent: RecentFigures;
  readonly adapters: readonly AdapterFigures[];
}

/** What one name does. */
export interface AdapterFigures extends Partial<AdapterCounts> {
  readonly name: string;
  /** Where its weights are: where runs read them, in host memory, or on the disk. */
  readonly tier: 'active' | 'resident' | 'disk';
  /** Of the breaker of its version; undefined if the version was never called. */
  readonly breaker: string | undefined;
}

export interface FiguresParts {
  readonly sources: MetricSources | undefined;
  readonly counts: RequestCounts;
  readonly recent: RecentFigures;
  readonly view: View;
}

/** The figures that a reader may see. */
export function figuresOf({ sources, counts, recent, view }: FiguresParts): ServerFigures {
  const breakers = new Map(Array.from(sources?.breakers?.() ?? [], ({ version, state }) => [version, state]));
  const counted = new Map(counts.entries());
  const adapters: AdapterFigures[] = [];
  for (const { name, version = '', isActive, isResident } of sources?.adapters?.() ?? []) {
    if (!view.sees(name)) continue;
    const tier = isActive ? 'active' : isResident ? 'resident' : 'disk';
    adapters.push({ name, tier, breaker: breakers.get(version), ...counted.get(name) });
  }
  return {
    baseName: sources !== undefined && view.sees(sources.baseName) ? sources.baseName : '',
    isReady: sources?.isReady() ?? false,
    engine: sources?.engine?.(),
    memory: view.isAll ? sources?.memory?.() : undefined,
    recent,
    adapters,
  };
}
