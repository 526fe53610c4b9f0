import type { Sample } from './definition.ts';
import type { MetricSet } from './metric-set.ts';
import type { Reading } from './reading.ts';
import type { ServerTable } from './server-table.ts';
import type { JobsSample } from './sources.ts';

/** Reads how the fine-tuning jobs stand. They name no adapter, and are the same for all who look. */
export function readJobs(set: MetricSet<ServerTable>, reading: () => Reading): void {
  const each = (of: (jobs: JobsSample) => Iterable<Sample>): (() => Iterable<Sample>) => {
    return () => {
      const jobs = reading().sources?.jobs;
      return jobs === undefined ? [] : of(jobs());
    };
  };
  set.read(
    'espalier_jobs',
    each(({ states }) => Object.entries(states).map(([state, value]) => ({ labels: { state }, value }))),
  );
  set.read(
    'espalier_job_places',
    each(({ places }) => [{ value: places }]),
  );
  set.read(
    'espalier_job_training_seconds_total',
    each(({ trainingSeconds }) => [{ value: trainingSeconds }]),
  );
}
