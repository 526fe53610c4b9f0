import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import {
  attentionHeads,
  baseChecks,
  loadAdapter,
  readAdapter,
  readNameMap,
  writeAdapter,
  type WrittenFormat,
} from '../../adapter-files/index.ts';
import { openBaseModel } from '../../models/index.ts';
import { anyBaseOption } from '../base-options.ts';
import type { CommandDefinition } from '../command.ts';
import { tellNotes } from '../load-adapters.ts';
import { path, readOptions } from '../read-options.ts';

const formats = ['peft', 'onnx', 'bin'] as const;

const schema = z.object({
  input: path,
  output: path,
  to: z.enum(formats, { error: 'peft, onnx or bin' }).optional(),
  base: path.optional(),
  anyBase: z.boolean().default(false),
  names: path.optional(),
  naming: z.enum(['genai', 'olive', 'plain'], { error: 'genai, olive or plain' }).optional(),
  force: z.boolean().default(false),
});

export const adapterConvertCommand: CommandDefinition = {
  name: 'adapter convert',
  summary: 'Writes an adapter in another format: a PEFT folder, .onnx_adapter or .bin.',
  examples: [
    'espalier adapter convert adapters/strict strict.onnx_adapter',
    'espalier adapter convert strict.onnx_adapter adapters/strict --base models/tiny',
    'espalier adapter convert adapters/strict strict.bin',
    'espalier adapter convert lora.gguf adapters/from-gguf --to peft',
    'espalier adapter convert other.onnx_adapter adapters/other --names names.json',
  ],
  configure: (command) =>
    void command
      .argument('<input>', 'a PEFT folder, or an .onnx_adapter, .bin or GGUF file; its content tells which')
      .argument('<output>', 'the file or folder to write')
      .option(
        '--to <format>',
        'peft, onnx or bin (default: by the ending of the output: .onnx_adapter, .bin, else peft)',
      )
      .option('--base <dir>', 'the base to check the adapter against')
      .option(...anyBaseOption)
      .option('--names <file>', 'JSON: the names of the A and B of each module in the .onnx_adapter')
      .option(
        '--naming <style>',
        'names in the .onnx_adapter without such a file: genai (default), olive, or plain (where no path has a dot)',
      )
      .option('--force', 'replace the adapter that is at the output'),
  run: async (options, { output }) => {
    const read = readOptions(schema, options);
    const to = read.to ?? formatByEnding(read.output);
    const names = { naming: read.naming, names: read.names === undefined ? undefined : await readNameMap(read.names) };
    const base = read.base === undefined ? undefined : await openBaseModel(read.base);
    const adapter =
      base === undefined
        ? await readAdapter(read.input, names)
        : await loadAdapter(read.input, base.modules, {
            ...names,
            ...(await baseChecks(base, read)),
            heads: attentionHeads(base),
          });
    if ((read.names !== undefined || read.naming !== undefined) && adapter.format !== 'onnx' && to !== 'onnx') {
      const actual = `${adapter.format} to ${to}`;
      throw new EspalierError('CLI_CONFLICT', { expected: '--names and --naming with an .onnx_adapter alone', actual });
    }
    await writeAdapter(read.output, adapter, { format: to, replace: read.force, ...names });
    tellNotes(read.input, adapter, output);
    const baseFingerprint = to === 'onnx' ? undefined : adapter.baseFingerprint;
    const answer = { from: adapter.format, to, output: read.output, modules: adapter.modules.size, baseFingerprint };
    output.answer(answer, () => `${adapter.modules.size} modules, ${adapter.format} to ${to}: ${read.output}`);
    if (adapter.baseFingerprint !== undefined && baseFingerprint === undefined) {
      output.note(
        'An .onnx_adapter has no place for the fingerprint of the base: this one loads on any base that it fits.',
      );
    }
  },
};

function formatByEnding(name: string): WrittenFormat {
  if (name.endsWith('.onnx_adapter')) return 'onnx';
  if (name.endsWith('.bin')) return 'bin';
  // WHY: a PEFT folder of such a name would be taken for what it is not.
  if (/\.(?:gguf|safetensors|onnx)$/.test(name)) {
    const expected =
      'an output in a format that is written (.onnx_adapter, .bin or the name of a PEFT folder), or --to';
    throw new EspalierError('CLI_CONFLICT', { expected, actual: name });
  }
  return 'peft';
}
