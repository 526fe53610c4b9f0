import type { ListedAdapters } from './adapter-samples.ts';
import type { EngineSample, MetricSources, View } from './sources.ts';

/** What is read for one asking. */
export interface Reading {
  readonly sources: MetricSources | undefined;
  readonly engine: EngineSample | undefined;
  readonly adapters: ListedAdapters;
  readonly view: View;
}
