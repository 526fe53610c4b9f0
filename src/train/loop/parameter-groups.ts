import type { ParameterEntry } from '../graph/parameter-arena.ts';
import type { ParameterGroup } from '../optimizer/optimizer.ts';

/** Joins neighbours with the same decay to one group. The gaps between them stay 0. */
export function parameterGroups(
  entries: readonly ParameterEntry[],
  decayOf: (entry: ParameterEntry) => number,
): ParameterGroup[] {
  const groups: ParameterGroup[] = [];
  for (const entry of entries) {
    const weightDecay = decayOf(entry);
    const before = groups.at(-1);
    if (before?.weightDecay === weightDecay) groups[groups.length - 1] = { ...before, end: entry.end };
    else groups.push({ start: entry.start, end: entry.end, weightDecay });
  }
  return groups;
}
