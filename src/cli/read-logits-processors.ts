import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { EspalierError, messageOf, option } from '../core/index.ts';
import type { ServerOptions } from '../http/index.ts';

type LogitsProcessors = NonNullable<ServerOptions['logitsProcessors']>;

/**
 * The functions that a module exports, by their names. The module is code of the server's owner, and runs in this process.
 * @throws EspalierError OPTION_INVALID for a module that cannot be loaded, and for one that exports no function, or something else
 */
export async function readLogitsProcessors(path: string): Promise<LogitsProcessors> {
  const invalid = (expected: string, actual: string, cause?: unknown): EspalierError =>
    new EspalierError('OPTION_INVALID', { name: option('logitsProcessors'), expected, actual }, { cause });
  const module: unknown = await import(pathToFileURL(resolve(path)).href).catch((cause: unknown) => {
    const reason = messageOf(cause);
    throw invalid('an ES module that can be loaded', `${path} (${reason})`, cause);
  });
  const named = Object.entries(module as Readonly<Record<string, unknown>>);
  if (named.length === 0) throw invalid('a module that exports functions by name', `${path}, which exports nothing`);
  for (const [name, value] of named) {
    if (typeof value !== 'function') throw invalid('a module that exports functions only', `${name} of ${path}`);
    if (name === 'default') throw invalid('functions that are exported by name', `a default export of ${path}`);
  }
  return module as LogitsProcessors;
}
