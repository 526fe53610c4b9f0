import { didYouMean, EspalierError } from '../core/index.ts';

/** What one number among the options may be. Both ends are allowed. */
export interface NumericOption {
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
  readonly isWhole?: true;
}

/** Numbers by name; what is absent gets its default. */
export type NumbersGiven<Name extends string> = { readonly [Key in Name]?: number | undefined };

/**
 * Checks every number before any is used.
 * @param call  what takes the options, for the error
 * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID
 */
export function readNumbers<Name extends string>(
  call: string,
  options: Readonly<Record<Name, NumericOption>>,
  given: NumbersGiven<Name>,
): Readonly<Record<Name, number>> {
  const names = Object.keys(options) as Name[];
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(options, name)) continue;
    throw new EspalierError('OPTION_UNKNOWN', { call, name, hint: didYouMean(name, names), supported: names });
  }
  const read = names.map((name) => [name, readNumber(name, options[name], given[name])] as const);
  return Object.fromEntries(read) as Record<Name, number>;
}

function readNumber(name: string, { fallback, least, most, isWhole }: NumericOption, given: unknown): number {
  if (given === undefined) return fallback;
  const isGood = typeof given === 'number' && given >= least && given <= most;
  if (isGood && (isWhole !== true || Number.isInteger(given))) return given;
  const expected = `${isWhole === true ? 'an integer' : 'a number'} from ${least} to ${most}`;
  throw new EspalierError('OPTION_INVALID', { name, expected, actual: String(given) });
}
