import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import {
  attentionHeads,
  baseChecks,
  loadAdapter,
  readAdapter,
  readNameMap,
  reportAdapter,
} from '../../adapter-files/index.ts';
import { openBaseModel } from '../../models/index.ts';
import { anyBaseOption } from '../base-options.ts';
import { exitCodes, type CommandDefinition } from '../command.ts';
import { describeAdapter } from '../describe-adapter.ts';
import { path, readOptions } from '../read-options.ts';

const schema = z.object({
  adapter: path,
  base: path.optional(),
  anyBase: z.boolean().default(false),
  names: path.optional(),
});

export const adapterVerifyCommand: CommandDefinition = {
  name: 'adapter verify',
  summary: 'Reads an adapter whole, checks every number, and says what it found.',
  examples: [
    'espalier adapter verify adapters/strict --base models/tiny',
    'espalier adapter verify strict.onnx_adapter --json',
  ],
  configure: (command) =>
    void command
      .argument('<adapter>', 'an adapter in any format')
      .option('--base <dir>', 'the base to check it against')
      .option(...anyBaseOption)
      .option('--names <file>', 'JSON: the names of the A and B of each module in an .onnx_adapter'),
  run: async (options, { output }) => {
    const read = readOptions(schema, options);
    const base = read.base === undefined ? undefined : await openBaseModel(read.base);
    const names = read.names === undefined ? {} : { names: await readNameMap(read.names) };
    try {
      const adapter =
        base === undefined
          ? await readAdapter(read.adapter, names)
          : await loadAdapter(read.adapter, base.modules, {
              ...names,
              ...(await baseChecks(base, read)),
              heads: attentionHeads(base),
            });
      const report = await reportAdapter(adapter);
      output.answer({ sound: true, ...report }, () => `${describeAdapter(report, read.base)}\nsound`);
      return exitCodes.success;
    } catch (error) {
      if (!EspalierError.isInstance(error)) throw error;
      const { code, commandLineMessage: message } = error;
      output.answer({ sound: false, problem: { code, message } }, () => `not sound: ${message}\n${code}`);
      return exitCodes.failure;
    }
  },
};
