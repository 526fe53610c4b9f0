import { z } from 'zod';
import { filesAt } from '../adapter-file-list.ts';
import { adapterName, reasonText } from '../change-options.ts';
import type { CommandDefinition } from '../command.ts';
import { path, readOptions } from '../read-options.ts';
import { addServerOptions, clientOf, serverSchema } from '../server-options.ts';

const schema = z.object({
  ...serverSchema,
  name: adapterName,
  path,
  publish: z.boolean().default(true),
  reason: reasonText.optional(),
});

export const adapterUploadCommand: CommandDefinition = {
  name: 'adapter upload',
  summary: 'Sends an adapter to a running server with a store, which verifies it, keeps it and points the name to it.',
  examples: [
    'espalier adapter upload support runs/support/adapter --reason "new terms"',
    'espalier adapter upload support support.gguf --no-publish --server http://gpu-1:8000 --admin-key "$KEY"',
  ],
  configure(command) {
    command
      .argument('<name>', 'the name of an adapter')
      .argument('<path>', 'a folder of PEFT, or a file of another format')
      .option('--no-publish', 'only keep it in the store')
      .option('--reason <text>', 'why, for the history and the audit record');
    addServerOptions(command);
  },
  async run(options, { output, signal }) {
    const { name, path: place, publish, reason, ...server } = readOptions(schema, options);
    const files = await filesAt(place);
    const made = await clientOf(server, 'changes', signal).upload({ name, files, isPublished: publish, reason });
    output.answer(made, () => {
      if (made.published) return `${name} is at ${made.version}`;
      return publish ? `${name} rolls out ${made.version}` : `${name} has ${made.version} in the store`;
    });
  },
};
