import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import { attributeOf } from '../values/attributes.ts';
import { isTrue, textOf } from '../values/compare.ts';
import { iterate, values } from '../values/sequence.ts';
import { type Keywords, orElse, Stream, Undefined, type Value } from '../values/value.ts';
import { attributeGetter } from './attribute-getter.ts';
import type { Filter } from './filter.ts';
import { filter } from './filter.ts';
import type { Test } from './tests.ts';

/** Finds what a filter is given the name of. */
export interface Lookup {
  filter(name: string): Filter;
  test(name: string): Test;
}

/** `map`, and the filters that choose items by a test. They work when their items are read, not before. */
export const selectFilters = (find: Lookup): Readonly<Record<string, Filter>> => ({
  attr: filter('attr', ['name'], (_, value, args) => {
    const name = args.text('name');
    if (value instanceof Undefined) return fail(value.problem);
    return orElse(attributeOf(value, name), () => new Undefined(`there is no attribute '${name}'`));
  }),
  map: (run, value, args, keywords) => new Stream(mapped(run, value, () => mapping(run, find, args, keywords))),
  reject: chooser({ keeps: false, byAttribute: false, find }),
  rejectattr: chooser({ keeps: false, byAttribute: true, find }),
  select: chooser({ keeps: true, byAttribute: false, find }),
  selectattr: chooser({ keeps: true, byAttribute: true, find }),
});

function* mapped(run: Run, value: Value, apply: () => (item: Value) => Value): Generator<Value> {
  if (!isTrue(value)) return;
  const change = apply();
  for (const item of values(iterate(run, value))) yield change(item);
}

function mapping(run: Run, find: Lookup, args: readonly Value[], keywords: Keywords): (item: Value) => Value {
  const attribute = keywords.get('attribute');
  if (args.length === 0 && attribute !== undefined) {
    const unknown = [...keywords.keys()].find((key) => key !== 'attribute' && key !== 'default');
    if (unknown !== undefined) fail(`Unexpected keyword argument '${unknown}'`);
    return attributeGetter(attribute, keywords.get('default') ?? null);
  }
  const [name, ...rest] = args;
  if (name === undefined) return fail('map requires a filter argument');
  const apply = find.filter(textOf(name) ?? fail('the name of a filter must be a text'));
  return (item) => apply(run, item, rest, keywords);
}

interface Choice {
  /** Whether the items that pass the test are kept. */
  readonly keeps: boolean;
  /** Whether the first argument names an attribute, which is tested. */
  readonly byAttribute: boolean;
  readonly find: Lookup;
}

function chooser(choice: Choice): Filter {
  return (run, value, args, keywords) => new Stream(chosen(run, value, { args, keywords, ...choice }));
}

function* chosen(
  run: Run,
  value: Value,
  {
    args,
    keywords,
    keeps,
    byAttribute,
    find,
  }: Choice & { readonly args: readonly Value[]; readonly keywords: Keywords },
): Generator<Value> {
  if (!isTrue(value)) return;
  const [attribute] = args;
  if (byAttribute && attribute === undefined) fail('Missing parameter for attribute name');
  const get = byAttribute ? attributeGetter(attribute ?? null) : (item: Value): Value => item;
  const [name, ...rest] = args.slice(byAttribute ? 1 : 0);
  const test = name === undefined ? undefined : find.test(textOf(name) ?? fail('the name of a test must be a text'));
  for (const item of values(iterate(run, value))) {
    const tested = get(item);
    if ((test === undefined ? isTrue(tested) : test(run, tested, rest, keywords)) === keeps) yield item;
  }
}
