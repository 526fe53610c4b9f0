import type { Run } from '../run.ts';
import { isOrdered } from './compare.ts';
import type { Value } from './value.ts';

/** `sorted(items, key=key, reverse=reverse)`: equal items keep their order, and only `<` is asked. */
export function compareSort<Item>(
  run: Run,
  items: readonly Item[],
  key: (item: Item) => Value,
  reverse = false,
): Item[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  const sign = reverse ? -1 : 1;
  keyed.sort((a, b) => {
    run.spend();
    if (isOrdered(run, a.key, 'lt', b.key)) return -sign;
    return isOrdered(run, b.key, 'lt', a.key) ? sign : 0;
  });
  return keyed.map(({ item }) => item);
}
