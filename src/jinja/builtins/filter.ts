import { Arguments } from '../values/arguments.ts';
import type { Run } from '../run.ts';
import type { Keywords, Value } from '../values/value.ts';

/** `value | name(args, keywords)` */
export type Filter = (run: Run, value: Value, args: readonly Value[], keywords: Keywords) => Value;

/** A filter with fixed parameters; one that ends in "?" may be left out. */
export function filter(
  name: string,
  parameters: readonly string[],
  body: (run: Run, value: Value, args: Arguments) => Value,
): Filter {
  return (run, value, args, keywords) =>
    body(run, value, new Arguments(`the filter ${name}`, parameters, args, keywords));
}
