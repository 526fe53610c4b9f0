import { stat } from 'node:fs/promises';
import { formatBytes } from '../atomic-files/index.ts';
import { EspalierError } from '../core/index.ts';
import { isHubReference, parseHubReference, pullModel, type PulledModel, type PullOptions } from '../hub/index.ts';
import type { CommandContext } from './command.ts';
import { createProgress, type Progress } from './progress.ts';

/** Options and arguments that name a model or an adapter, whatever the command. */
const namesModels: ReadonlySet<string> = new Set([
  'base',
  'adapter',
  'initAdapter',
  'path',
  'input',
  'first',
  'second',
]);

/** `org/name`, as the hub names a model. */
const hubName = /^[\w.-]+\/[\w.-]+$/;

/**
 * Replaces every `hf:org/name[@revision]` in the options of a command by a folder. A model that is not in the cache is downloaded.
 * WHY this is one step for all commands: a model of the hub can be named wherever a folder can, also in future commands.
 */
export async function resolveHubOptions(
  options: Readonly<Record<string, unknown>>,
  context: CommandContext,
): Promise<Record<string, unknown>> {
  const resolve = async (value: unknown): Promise<unknown> => {
    if (Array.isArray(value)) return Promise.all(value.map(resolve));
    return typeof value === 'string' ? resolveBase(value, context) : value;
  };
  const resolved: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    resolved[name] = namesModels.has(name) ? await resolve(value) : value;
    // What opens a base gives this hint itself, also for programs.
    if (namesModels.has(name) && name !== 'base') await assertNoHubName([resolved[name]].flat());
  }
  return resolved;
}

/** @throws EspalierError CLI_HUB_NAME for a name on the hub without `hf:` where no file or folder has that name */
async function assertNoHubName(values: readonly unknown[]): Promise<void> {
  for (const value of values) {
    const path = typeof value === 'string' ? value.replace(/=[^=]*$/, '') : '';
    if (!hubName.test(path) || (await stat(path).catch(() => undefined)) !== undefined) continue;
    throw new EspalierError('CLI_HUB_NAME', { path });
  }
}

/**
 * Returns the folder that a text names. For `hf:org/name[@revision]` it is the snapshot in the cache, which is downloaded if
 * necessary. A scale after it, as in `hf:org/name=0.5`, is kept.
 * @throws EspalierError HUB_*
 */
export async function resolveBase(text: string, context: CommandContext): Promise<string> {
  if (!isHubReference(text)) return text;
  const [reference = '', ...scale] = text.split('=');
  const { dir } = await pullWithProgress(reference, { preferCache: true }, context);
  return [dir, ...scale].join('=');
}

const format = '{bar} {percentage}% | {received} of {whole} | {file} | {eta_formatted} left';

/** Downloads a model, with a progress bar if standard error is a terminal. */
export async function pullWithProgress(
  reference: string,
  options: Omit<PullOptions, 'onEvent' | 'signal'>,
  { output, signal }: CommandContext,
): Promise<PulledModel> {
  let total = 0;
  let bar: Progress | undefined;
  try {
    return await pullModel(parseHubReference(reference), {
      ...options,
      signal,
      onEvent: (event) => {
        if (event.kind === 'cache-used') output.note(`Using the copy in the cache, ${event.dir}: ${event.reason}`);
        if (event.kind === 'planned') {
          total = event.missingBytes;
          if (total > 0) output.note(`Pulling ${reference}: ${formatBytes(total)}`);
        }
        if (event.kind === 'received' && total > 0) {
          bar ??= createProgress(output, { total, format });
          const { doneBytes, file } = event;
          bar.update(doneBytes, { received: formatBytes(doneBytes), whole: formatBytes(total), file });
        }
      },
    });
  } finally {
    bar?.[Symbol.dispose]();
  }
}
