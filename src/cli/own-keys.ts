import { EspalierError, flagOf, optionOfKey } from '../core/index.ts';
import { ownSpelling } from './spellings.ts';

/**
 * The keys of a settings file as the options that they name, in whatever spelling a command line may have. A key that names none stays
 * as it is.
 *
 * @param known  the options, by camelCase name
 * @throws EspalierError TRAIN_CONFIG_UNREADABLE for an option that is given twice
 */
export function ownKeys(
  values: Readonly<Record<string, unknown>>,
  { path, known }: { readonly path: string; readonly known: readonly string[] },
): Record<string, unknown> {
  const declared = new Set(known.map(flagOf));
  const keys = new Map<string, string>();
  for (const key of Object.keys(values)) {
    const named = optionOfKey(ownSpelling(flagOf(optionOfKey(key)), declared).slice(2));
    const name = known.includes(named) ? named : key;
    const first = keys.get(name);
    if (first !== undefined) {
      const reason = `${flagOf(name).slice(2)} is given twice, as ${first} and as ${key}. Give it once.`;
      throw new EspalierError('TRAIN_CONFIG_UNREADABLE', { path, reason });
    }
    keys.set(name, key);
  }
  return Object.fromEntries([...keys].map(([name, key]) => [name, values[key]]));
}
