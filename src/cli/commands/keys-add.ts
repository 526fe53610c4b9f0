import { readFile, realpath, stat } from 'node:fs/promises';
import { z } from 'zod';
import { lockOutput, writeAtomically } from '../../atomic-files/index.ts';
import { EspalierError } from '../../core/index.ts';
import { addKey, roles } from '../../http/index.ts';
import type { CommandDefinition } from '../command.ts';
import { path, positiveInteger, readOptions } from '../read-options.ts';

const schema = z.object({
  name: z.string().min(1, { error: 'a name' }),
  file: path,
  models: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .refine((names) => names.every((name) => name !== ''), { error: 'names separated by commas' }),
  admin: z.boolean().default(false),
  requestsPerMinute: positiveInteger.optional(),
  tokensPerMinute: positiveInteger.optional(),
  roles: z
    .string()
    .transform((text) => text.split(',').map((role) => role.trim()))
    .pipe(z.array(z.enum(roles, { error: `of ${roles.join(', ')} one or more, separated by commas` })))
    .optional(),
});

/** `espalier keys add`: makes a key, prints it once, and writes its hash to a file of keys. */
export const keysAddCommand: CommandDefinition = {
  name: 'keys add',
  summary: 'Makes a key for some names of models and adapters, prints it once, and adds its hash to a file of keys.',
  examples: [
    "espalier keys add acme --file keys.yaml --models 'acme/*,base'",
    "espalier keys add operator --file keys.yaml --models '*' --admin",
    "espalier keys add trial --file keys.yaml --models 'base' --requests-per-minute 60 --tokens-per-minute 20000",
    "espalier keys add prometheus --file keys.yaml --models '*' --roles read",
  ],
  configure: (command) =>
    void command
      .argument('<name>', 'the name of the key, for histories and the audit record')
      .requiredOption('--file <file>', 'the file of keys, as espalier serve --keys reads it; made if it is not there')
      .requiredOption(
        '--models <names>',
        "what it may see: names separated by commas, * for any characters, '*' for every name",
      )
      .option('--roles <roles>', `what it is for: ${roles.join(', ')}, separated by commas (default: infer)`)
      .option('--requests-per-minute <n>', 'requests that it may send in a minute (default: any number)')
      .option('--tokens-per-minute <n>', 'tokens of prompts and answers together in a minute (default: any number)')
      .option('--admin', 'short for --roles admin: it may also change the adapters of these names'),
  run: async (options, { output, signal }) => {
    const { name, file, models, admin, roles: given, ...rates } = readOptions(schema, options);
    if (admin && given !== undefined)
      throw new EspalierError('CLI_CONFLICT', { expected: '--admin or --roles', actual: 'both' });
    const held = given ?? [admin ? 'admin' : 'infer'];
    // WHY the real path: a link stays a link.
    const place = await realpath(file).catch(() => file);
    await using _lock = await lockOutput(place, { signal });
    const old = await read(place);
    const { key, text } = addKey(old.text, { name, models, roles: held, limits: rates }, file);
    await writeAtomically(place, async (handle) => {
      await handle.chmod(old.mode);
      await handle.writeFile(text);
    });
    output.note(`Added ${name} to ${file}. The key is shown once and is kept nowhere:`);
    output.answer({ name, key, models, roles: held, ...rates }, () => key);
  },
};

/** A file that is not there yet is made for its owner alone. */
async function read(file: string): Promise<{ readonly text: string; readonly mode: number }> {
  try {
    return { text: await readFile(file, 'utf8'), mode: (await stat(file)).mode & 0o777 };
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return { text: '', mode: 0o600 };
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file of keys', path: file }, { cause });
  }
}
