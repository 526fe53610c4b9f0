import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import {
  attentionHeads,
  baseChecks,
  loadAdapter,
  peftFiles,
  readAdapter,
  readNameMap,
  reportAdapter,
} from '../../adapter-files/index.ts';
import { type BaseModel, fingerprintBase, openBaseModel } from '../../models/index.ts';
import { tokenizerFileNames } from '../../tokenizer/index.ts';
import { checkFiles, createAuthority, filesToSign, readLists, readPolicy, type Vouched } from '../../trust/index.ts';
import { anyBaseOption } from '../base-options.ts';
import { exitCodes, type CommandDefinition } from '../command.ts';
import { describeAdapter } from '../describe-adapter.ts';
import { path, readOptions } from '../read-options.ts';

const schema = z.object({
  adapter: path,
  base: path.optional(),
  anyBase: z.boolean().default(false),
  names: path.optional(),
  policy: path.optional(),
  name: z.string().min(1, { error: 'the name of an adapter' }).optional(),
});

export const adapterVerifyCommand: CommandDefinition = {
  name: 'adapter verify',
  summary: 'Reads an adapter whole, checks every number, and says what it found.',
  examples: [
    'espalier adapter verify adapters/strict --base models/tiny',
    'espalier adapter verify strict.onnx_adapter --json',
    'espalier adapter verify adapters/strict --base models/tiny --policy policy.yaml --name risk-strict',
  ],
  configure: (command) =>
    void command
      .argument('<adapter>', 'an adapter in any format')
      .option('--base <dir>', 'the base to check it against')
      .option(...anyBaseOption)
      .option('--names <file>', 'JSON: the names of the A and B of each module in an .onnx_adapter')
      .option('--policy <file>', 'who must have signed it, in YAML; needs --base and --name')
      .option('--name <name>', 'the name under which it is to be served'),
  run: async (options, { output }) => {
    const read = readOptions(schema, options);
    const base = read.base === undefined ? undefined : await openBaseModel(read.base);
    const names = read.names === undefined ? {} : { names: await readNameMap(read.names) };
    try {
      const vouched = await vouchedBy(read, base);
      const adapter =
        base === undefined
          ? await readAdapter(read.adapter, names)
          : await loadAdapter(read.adapter, base.modules, {
              ...names,
              ...(await baseChecks(base, read)),
              heads: attentionHeads(base),
            });
      const report = await reportAdapter(adapter);
      const by = vouched?.signer === undefined ? '' : `\nsigned by ${vouched.signer} (${vouched.key})`;
      const { signer, key } = vouched ?? {};
      const answer = { sound: true, ...report, ...(signer !== undefined && { signer, key }) };
      output.answer(answer, () => `${describeAdapter(report, read.base)}${by}\nsound`);
      return exitCodes.success;
    } catch (error) {
      if (!EspalierError.isInstance(error)) throw error;
      const { code, commandLineMessage: message } = error;
      output.answer({ sound: false, problem: { code, message } }, () => `not sound: ${message}\n${code}`);
      return exitCodes.failure;
    }
  },
};

/**
 * Checks who has signed an adapter, before it is opened.
 * @returns undefined where no policy was given
 * @throws EspalierError CLI_CONFLICT, and why nobody who may do so vouches for the adapter
 */
async function vouchedBy(
  { adapter, policy, name }: Pick<z.output<typeof schema>, 'adapter' | 'policy' | 'name'>,
  base: BaseModel | undefined,
): Promise<Vouched | undefined> {
  if (policy === undefined) return undefined;
  if (name === undefined || base === undefined) {
    throw new EspalierError('CLI_CONFLICT', {
      expected: '--base and --name beside --policy',
      actual: '--policy alone',
    });
  }
  const isFolder = (await stat(adapter)).isDirectory();
  const lists = isFolder ? ['SHA256SUMS', 'manifest.json'].map((file) => join(adapter, file)) : [`${adapter}.sha256`];
  const [list] = await readLists(lists);
  const rules = await readPolicy(policy);
  const authority = createAuthority(() => rules, { base: await fingerprintBase(base) });
  const vouched = authority.vouch(name, list);
  if (vouched.statement === undefined || list === undefined) return vouched;
  const loaded = isFolder ? await loadedNames(adapter) : [basename(adapter)];
  await checkFiles(vouched.statement, { list: list.file, folder: isFolder ? adapter : dirname(adapter), loaded });
  return vouched;
}

/** The files of a folder that a server loads. */
async function loadedNames(folder: string): Promise<string[]> {
  const loaded = new Set([...peftFiles.required, ...tokenizerFileNames.optional]);
  return (await filesToSign(folder)).filter((name) => loaded.has(name));
}
