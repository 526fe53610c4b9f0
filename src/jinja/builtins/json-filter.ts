import { fail } from '../fail.ts';
import { isTrue, textOf } from '../values/compare.ts';
import { listOf } from '../values/sequence.ts';
import { toJson } from '../values/to-json.ts';
import type { Value } from '../values/value.ts';
import type { Run } from '../run.ts';
import { filter } from './filter.ts';

/** `tojson` as transformers replaces it: the parameters of `json.dumps`, and nothing escaped for HTML. */
export const toJsonFilter = filter(
  'tojson',
  ['ensure_ascii?', 'indent?', 'separators?', 'sort_keys?'],
  (run, value, args) => {
    const indent = indentOf(args.value('indent') ?? null);
    return toJson(run, value, {
      ensureAscii: isTrue(args.value('ensure_ascii') ?? false),
      indent,
      separators: separatorsOf(run, args.value('separators') ?? null, indent),
      sortKeys: isTrue(args.value('sort_keys') ?? false),
    });
  },
);

function indentOf(value: Value): string | undefined {
  if (value === null) return undefined;
  if (typeof value === 'boolean') return ' '.repeat(Number(value));
  if (typeof value !== 'bigint') return textOf(value) ?? fail('the indent of tojson is a number or a text');
  return ' '.repeat(Number(value < 0n ? 0n : value > 1000n ? 1000n : value));
}

function separatorsOf(run: Run, value: Value, indent: string | undefined): readonly [string, string] {
  if (value === null) return [indent === undefined ? ', ' : ',', ': '];
  const [item, key, ...rest] = listOf(run, value).map((one) => textOf(one));
  if (item === undefined || key === undefined || rest.length > 0) return fail('the separators of tojson are two texts');
  return [item, key];
}
