import type { Fleet } from '../../fleet/index.ts';
import type { FleetSample } from '../../telemetry/index.ts';

/** How the series of a fleet are read from it; undefined: there is no fleet. */
export function fleetSample(fleet: Pick<Fleet, 'lastLook'> | undefined): (() => FleetSample) | undefined {
  if (fleet === undefined) return undefined;
  return () => {
    const { ageSeconds, lookingSeconds, sync, applied, rows } = fleet.lastLook();
    const kinds: Record<string, number> = {};
    for (const { kind } of rows) kinds[kind] = (kinds[kind] ?? 0) + 1;
    return { ageSeconds, lookSeconds: lookingSeconds ?? 0, sync, commit: applied?.commit ?? '', kinds };
  };
}
