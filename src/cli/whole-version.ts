import { EspalierError } from '../core/index.ts';
import type { AdapterClient } from '../http/index.ts';

const digestLength = 64;

/** A version by its first characters, as it is in the history of the name. @throws EspalierError CLI_BAD_VALUE */
export async function wholeVersion(client: AdapterClient, of: string, given: string): Promise<string> {
  if (given.length >= digestLength) return given;
  const { history = [] } = await client.get(of);
  const found = [...new Set(history.map((move) => move.version))].filter((one) => one.startsWith(given));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const expected =
    found.length === 0 ? `the beginning of a version in the history of ${of}` : 'more characters of one version';
  throw new EspalierError('CLI_BAD_VALUE', { flag: 'version', expected, actual: given });
}
