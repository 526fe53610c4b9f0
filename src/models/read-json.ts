import { readFile } from 'node:fs/promises';

import { EspalierError, messageOf } from '../core/index.ts';

/**
 * Reads a JSON file as a value of unknown type.
 *
 * @returns undefined when the file does not exist
 * @throws EspalierError MODEL_CONFIG_INVALID when it is not JSON
 */
export async function readJsonIfPresent(path: string): Promise<unknown> {
  const text = await readTextIfPresent(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    const problems = messageOf(cause);
    throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems }, { cause });
  }
}

async function readTextIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}
