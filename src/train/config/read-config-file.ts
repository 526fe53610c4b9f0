import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { EspalierError, messageOf } from '../../core/index.ts';

/**
 * Reads a settings file: a YAML mapping. `resolveConfig` checks its keys and values.
 * @throws EspalierError FILE_NOT_FOUND, TRAIN_CONFIG_UNREADABLE
 */
export async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'settings file', path }, { cause });
  });
  const value = parseYaml(path, text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const reason = 'expected a mapping such as "learning-rate: 2e-4".';
    throw new EspalierError('TRAIN_CONFIG_UNREADABLE', { path, reason });
  }
  return Object.fromEntries(Object.entries(value));
}

function parseYaml(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EspalierError('TRAIN_CONFIG_UNREADABLE', { path, reason }, { cause });
  }
}
