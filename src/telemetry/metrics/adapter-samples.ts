import type { Sample } from './definition.ts';
import { escaped } from './metric-text.ts';
import type { AdapterSample, View } from './sources.ts';

/** The label under which the adapters beyond the limit are added up. */
export const other = 'other';

/** The adapters of one reading: those with series of their own, and those that are added up. */
export interface ListedAdapters {
  readonly all: readonly AdapterSample[];
  readonly named: readonly AdapterSample[];
  readonly folded: readonly AdapterSample[];
  /** The names of the named ones, each as the value of a label in the text format, made once for all series. */
  readonly labels: ReadonlyMap<string, string>;
}

/**
 * @param limit  most names with series of their own; those that were loaded first
 * @param view   names that it does not see are in none of the lists but `all`
 */
export function listAdapters(all: Iterable<AdapterSample>, limit: number, view: View): ListedAdapters {
  const listed = [...all];
  const seen = view.isAll ? listed : listed.filter(({ name }) => view.sees(name));
  const isFull = seen.length > limit;
  // WHY the name too: an adapter may have the name under which others are added up.
  const isNamed = ({ name }: AdapterSample, at: number): boolean => at < limit && !(isFull && name === other);
  const named = isFull ? seen.filter(isNamed) : seen;
  const folded = isFull ? seen.filter((adapter, at) => !isNamed(adapter, at)) : [];
  return { all: listed, named, folded, labels: new Map(named.map(({ name }) => [name, escaped(name)])) };
}

/** A number for each adapter, with the sum of those beyond the limit. */
export function* amounts(
  { named, folded, labels }: ListedAdapters,
  amountOf: (adapter: AdapterSample) => number,
): Iterable<Sample> {
  for (const adapter of named) yield { labels: `{adapter="${labels.get(adapter.name)}"}`, value: amountOf(adapter) };
  if (folded.length === 0) return;
  yield { labels: { adapter: other }, value: folded.reduce((sum, adapter) => sum + amountOf(adapter), 0) };
}

/** The adapters in memory, as routers read them. */
export function* loadedAdapters({ named, labels: texts }: ListedAdapters): Iterable<Sample> {
  for (const { name, isActive, isResident, isPinned } of named) {
    if (!isActive && !isResident) continue;
    const labels = `{adapter_name="${texts.get(name)}",level="${isActive ? 'gpu' : 'cpu'}",pinned="${isPinned}"}`;
    yield { labels, value: 1 };
  }
}
