import { isTrue } from '../values/compare.ts';
import { Undefined } from '../values/value.ts';
import { filter, type Filter } from './filter.ts';
import { toJsonFilter } from './json-filter.ts';
import { numberFilters } from './number-filters.ts';
import { selectFilters } from './select-filters.ts';
import { sequenceFilters } from './sequence-filters.ts';
import { textFilters } from './text-filters.ts';

const otherwise = filter('default', ['default_value?', 'boolean?'], (_, value, args) => {
  const isMissing = value instanceof Undefined || (isTrue(args.value('boolean') ?? false) && !isTrue(value));
  return isMissing ? args.or('default_value', '') : value;
});

let all: Readonly<Record<string, Filter>> | undefined;

/** Every filter. WHY a function: `map` calls filters by their names, so the files import one another. */
export function filters(): Readonly<Record<string, Filter>> {
  all ??= {
    ...textFilters,
    ...sequenceFilters,
    ...numberFilters,
    ...selectFilters,
    d: otherwise,
    default: otherwise,
    tojson: toJsonFilter,
  };
  return all;
}
