import type { CommandDefinition } from '../command.ts';
import { inspectPath } from '../inspect-path.ts';
import { path, readOptions } from '../read-options.ts';
import { z } from 'zod';

const inspectOptions = z.object({ path });

export const inspectCommand: CommandDefinition = {
  name: 'inspect',
  summary: 'Shows what lies at a path: a model, an adapter, a safetensors file or an ONNX graph.',
  examples: [
    'espalier inspect models/tiny',
    'espalier inspect adapters/strict --json',
    'espalier inspect models/tiny/model.onnx',
  ],
  configure: (command) => void command.argument('<path>', 'a folder or a file'),
  run: async (options, { output }) => {
    const { answer, text } = await inspectPath(readOptions(inspectOptions, options).path);
    output.answer(answer, () => text);
  },
};
