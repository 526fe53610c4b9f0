import type { Fleet } from '../../fleet/index.ts';
import type { FleetSample } from '../../telemetry/index.ts';

/** A fleet as its series are read from it. */
export function fleetSample(fleet: Pick<Fleet, 'lastLook'>): FleetSample {
  const { ageSeconds, sync, applied, rows } = fleet.lastLook();
  const kinds: Record<string, number> = {};
  for (const { kind } of rows) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return { ageSeconds, sync, commit: applied?.commit ?? '', kinds };
}
