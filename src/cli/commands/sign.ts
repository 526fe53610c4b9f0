import { z } from 'zod';
import { exitCodes, type CommandDefinition } from '../command.ts';
import { fingerprintBase, openBaseModel } from '../../models/index.ts';
import { path, readOptions } from '../read-options.ts';
import { writeList } from '../../trust/index.ts';
import { signFile } from '../sign-files.ts';

const keySchema = { key: path, passwordFile: path.optional() };
const adapterSchema = z.object({
  adapter: path,
  ...keySchema,
  name: z.string().min(1, { error: 'the name of an adapter' }).optional(),
  base: path.optional(),
});
const baseSchema = z.object({ base: path, ...keySchema });

const keyOption = ['--key <file>', 'a secret key of minisign, or a private SSH key of Ed25519'] as const;
const passwordOption = ['--password-file <file>', 'the password of a key of minisign'] as const;

/** `espalier adapter sign`: lists the files of an adapter with their hashes, and signs the list. */
export const adapterSignCommand: CommandDefinition = {
  name: 'adapter sign',
  summary: 'Signs an adapter: writes the hashes of its files, and a signature over them.',
  examples: [
    'espalier adapter sign adapters/strict --key minisign.key --name risk-strict --base models/tiny',
    'espalier adapter sign adapters/strict --key ~/.ssh/id_ed25519',
  ],
  configure: (command) =>
    void command
      .argument('<adapter>', 'an adapter in any format')
      .option(...keyOption)
      .option(...passwordOption)
      .option('--name <name>', 'the only name under which it may be served (of a folder)')
      .option('--base <dir>', 'the only base on which it may be served (of a folder)'),
  run: async (options, { output }) => {
    const { adapter, name, base, ...key } = readOptions(adapterSchema, options);
    const fingerprint = base === undefined ? undefined : await fingerprintBase(await openBaseModel(base));
    const { list, files } = await writeList(adapter, { name, base: fingerprint });
    const signature = await signFile(list, key, 'espalier-adapter');
    output.answer({ list, signature, files: Object.fromEntries(files) }, () => wordsOf(signature, files.size));
    return exitCodes.success;
  },
};

/** `espalier base sign`: the same for the files of a base. */
export const baseSignCommand: CommandDefinition = {
  name: 'base sign',
  summary: 'Signs a base: writes the hashes of its files, and a signature over them.',
  examples: ['espalier base sign models/tiny --key ~/.ssh/id_ed25519'],
  configure: (command) =>
    void command
      .argument('<base>', 'the folder of a base')
      .option(...keyOption)
      .option(...passwordOption),
  run: async (options, { output }) => {
    const { base, ...key } = readOptions(baseSchema, options);
    const { list, files } = await writeList(base, {});
    const signature = await signFile(list, key, 'espalier-base');
    output.answer({ list, signature, files: Object.fromEntries(files) }, () => wordsOf(signature, files.size));
    return exitCodes.success;
  },
};

function wordsOf(signature: string, count: number): string {
  return `Signed ${count} ${count === 1 ? 'file' : 'files'}: ${signature}`;
}
