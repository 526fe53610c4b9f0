import { z } from 'zod';
import { formatBytes } from '../../atomic-files/index.ts';
import { isHubReference, type PulledModel } from '../../hub/index.ts';
import type { CommandDefinition } from '../command.ts';
import { path, readOptions } from '../read-options.ts';
import { pullWithProgress } from '../resolve-hub.ts';

const schema = z.object({
  model: z.string().refine(isHubReference, { error: 'hf:org/name or hf:org/name@revision' }),
  include: z.array(z.string().min(1)).default([]),
  dir: path.optional(),
});

/** `espalier pull`: downloads a model of the hub into the cache, where all commands find it. */
export const pullCommand: CommandDefinition = {
  name: 'pull',
  summary: 'Downloads a model from the Hugging Face hub.',
  examples: [
    'espalier pull hf:Qwen/Qwen2.5-0.5B-Instruct',
    'espalier pull hf:org/name@v1.0 --dir models/name',
    "espalier pull hf:org/name --include 'onnx/*' --json",
  ],
  configure: (command) =>
    void command
      .argument('<model>', 'hf:org/name, or hf:org/name@revision')
      .option('--include <glob>', 'files to take in place of the safetensors ones; may be repeated', collect)
      .option('--dir <dir>', "folder for the files (default: the hub's cache, where other tools find them too)"),
  run: async (options, context) => {
    const { model, dir, include } = readOptions(schema, options);
    const pulled = await pullWithProgress(model, { include, ...(dir === undefined ? {} : { dir }) }, context);
    context.output.answer(pulled, () => describe(pulled));
  },
};

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function describe({ dir, commit, files, bytes, downloadedBytes }: PulledModel): string {
  if (commit === undefined) return dir;
  const came = downloadedBytes === 0 ? 'all there already' : `${formatBytes(downloadedBytes)} downloaded`;
  return `${dir}\n${files} files, ${formatBytes(bytes)}, ${came}; commit ${commit}`;
}
