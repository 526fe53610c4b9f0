import { isTrue } from '../values/compare.ts';
import { Undefined } from '../values/value.ts';
import { filter, type Filter } from './filter.ts';
import { toJsonFilter } from './json-filter.ts';
import { numberFilters } from './number-filters.ts';
import { sequenceFilters } from './sequence-filters.ts';
import { textFilters } from './text-filters.ts';

const otherwise = filter('default', ['default_value?', 'boolean?'], (_, value, args) => {
  const isMissing = value instanceof Undefined || (isTrue(args.value('boolean') ?? false) && !isTrue(value));
  return isMissing ? args.or('default_value', '') : value;
});

/** Every filter that needs no other one. */
export const plainFilters: Readonly<Record<string, Filter>> = {
  ...textFilters,
  ...sequenceFilters,
  ...numberFilters,
  d: otherwise,
  default: otherwise,
  tojson: toJsonFilter,
};
