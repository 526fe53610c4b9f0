import { fail } from '../fail.ts';
import { textOf } from '../values/compare.ts';
import type { Value } from '../values/value.ts';
import type { Filter } from './filter.ts';
import { plainFilters } from './filters.ts';
import { selectFilters } from './select-filters.ts';
import { tests, type Test } from './tests.ts';

const filters: Readonly<Record<string, Filter>> = {
  ...plainFilters,
  ...selectFilters({ filter: findFilter, test: findTest }),
};

/** Whether Jinja2 has a filter of that name. */
export function isFilter(name: string): boolean {
  return Object.hasOwn(filters, name);
}

/** Whether Jinja2 has a test of that name. */
export function isTest(name: string): boolean {
  return Object.hasOwn(tests, name) || Object.hasOwn(testsOfNames, name);
}

/** @throws EspalierError TEMPLATE_FAILED */
export function findFilter(name: string): Filter {
  const found = Object.hasOwn(filters, name) ? filters[name] : undefined;
  return found ?? fail(`No filter named '${name}'.`);
}

/** @throws EspalierError TEMPLATE_FAILED */
export function findTest(name: string): Test {
  const table = Object.hasOwn(tests, name) ? tests : testsOfNames;
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  return found ?? fail(`No test named '${name}'.`);
}

/** `'upper' is filter` and `'even' is test` */
const testsOfNames: Readonly<Record<string, Test>> = {
  filter: (_, value) => isFilter(nameOf(value)),
  test: (_, value) => isTest(nameOf(value)),
};

function nameOf(value: Value): string {
  return textOf(value) ?? '';
}
