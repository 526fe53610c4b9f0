import type { MetricSet } from './metric-set.ts';
import type { Reading } from './reading.ts';
import type { ServerTable } from './server-table.ts';

/** Reads whether the policy's file can be used. Only who sees every name is told. */
export function readPolicy(set: MetricSet<ServerTable>, reading: () => Reading): void {
  set.read('espalier_policy_refused', () => {
    const { sources, view } = reading();
    return sources?.policy === undefined || !view.isAll ? [] : [{ value: sources.policy().isRefused ? 1 : 0 }];
  });
}
