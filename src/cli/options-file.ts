import { EspalierError, hintAtKey, optionOfKey } from '../core/index.ts';
import { readConfigFile } from '../train/index.ts';

/**
 * Reads the options of a command from a YAML file. Its keys may be written `max-slots`, `max_slots` or `maxSlots`.
 *
 * @param known  the options that the file may contain, by camelCase name
 * @throws EspalierError FILE_NOT_FOUND, TRAIN_CONFIG_UNREADABLE, CLI_OPTION_UNKNOWN
 */
export async function readOptionsFile(
  path: string,
  { command, known }: { readonly command: string; readonly known: readonly string[] },
): Promise<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(await readConfigFile(path))) {
    const name = optionOfKey(key);
    if (!known.includes(name)) {
      throw new EspalierError('CLI_OPTION_UNKNOWN', { source: path, key, command, hint: hintAtKey(key, known) });
    }
    options[name] = value;
  }
  return options;
}
