import type { Sample } from './definition.ts';
import type { MetricSet } from './metric-set.ts';
import type { Reading } from './reading.ts';
import type { ServerTable } from './server-table.ts';
import type { FleetSample } from './sources.ts';

/** Reads how the fleet stands. Only who sees every name is told. */
export function readFleet(set: MetricSet<ServerTable>, reading: () => Reading): void {
  const each = (of: (fleet: FleetSample) => Iterable<Sample>): (() => Iterable<Sample>) => {
    return () => {
      const { sources, view } = reading();
      return sources?.fleet === undefined || !view.isAll ? [] : of(sources.fleet());
    };
  };
  set.read(
    'espalier_fleet_snapshot_age_seconds',
    each(({ ageSeconds }) => (ageSeconds === undefined ? [] : [{ value: ageSeconds }])),
  );
  set.read(
    'espalier_fleet_look_seconds',
    each(({ lookSeconds }) => [{ value: lookSeconds }]),
  );
  set.read(
    'espalier_fleet_sync',
    each(({ commit, sync }) => [{ labels: { commit, state: sync }, value: 1 }]),
  );
  set.read(
    'espalier_fleet_names',
    each(({ kinds }) => Object.entries(kinds).map(([kind, value]) => ({ labels: { kind }, value }))),
  );
}
