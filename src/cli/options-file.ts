import { EspalierError, hintAtKey } from '../core/index.ts';
import { readConfigFile } from '../train/index.ts';
import { ownKeys } from './own-keys.ts';

/**
 * Reads the options of a command from a YAML file. Its keys may be written `max-slots`, `max_slots` or `maxSlots`, and as other
 * tools name them.
 *
 * @param known  the options that the file may contain, by camelCase name
 * @throws EspalierError FILE_NOT_FOUND, TRAIN_CONFIG_UNREADABLE, CLI_OPTION_UNKNOWN
 */
export async function readOptionsFile(
  path: string,
  { command, known }: { readonly command: string; readonly known: readonly string[] },
): Promise<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(ownKeys(await readConfigFile(path), { path, known }))) {
    if (!known.includes(name)) {
      throw new EspalierError('CLI_OPTION_UNKNOWN', { source: path, key: name, command, hint: hintAtKey(name, known) });
    }
    options[name] = value;
  }
  return options;
}
