import { isTrue } from '../values/compare.ts';
import { Undefined } from '../values/value.ts';
import { filter, type Filter } from './filter.ts';
import { toJsonFilter } from './json-filter.ts';
import { htmlFilters } from './html-filters.ts';
import { numberFilters } from './number-filters.ts';
import { prettyPrinted } from './pretty-print.ts';
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
  ...htmlFilters,
  d: otherwise,
  default: otherwise,
  pprint: filter('pprint', [], (run, value) => run.made(prettyPrinted(run, value))),
  tojson: toJsonFilter,
};
