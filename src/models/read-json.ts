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
    return parsePythonJson(text);
  } catch (cause) {
    const problems = messageOf(cause);
    throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems }, { cause });
  }
}

/**
 * Parses JSON as Python writes it, with numbers that are not finite: `Infinity` becomes `{ __float__: 'Infinity' }`, as transformers 5
 * spells it.
 *
 * @throws SyntaxError
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const spelled = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) =>
      token.startsWith('"') ? token : `{"__float__": "${token}"}`,
    );
    if (spelled === text) throw error;
    return JSON.parse(spelled);
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
