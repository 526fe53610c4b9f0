import { basename } from 'node:path';
import { z } from 'zod';
import { EspalierError, definedOnly } from '../../core/index.ts';
import { loadModel } from '../../library/index.ts';
import { anyBaseOption, collect } from '../base-options.ts';
import { localAnswerer, remoteAnswerer } from '../chat/answerers.ts';
import type { Conversation } from '../chat/conversation.ts';
import { talk, type Answerer } from '../chat/talk.ts';
import { openTerminal } from '../chat/terminal.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { nonNegativeNumber, path, positiveInteger, probability, readOptions } from '../read-options.ts';
import { answerClientOf, apiKeyOption, apiKeySchema, serverSchema } from '../server-options.ts';

const schema = z.object({
  base: path.optional(),
  adapter: z.array(z.string().min(1)).default([]),
  anyBase: z.boolean().default(false),
  server: serverSchema.server.unwrap().optional(),
  apiKey: apiKeySchema,
  model: z.string().min(1, { error: 'the name of a model' }).optional(),
  system: z.string().optional(),
  temperature: nonNegativeNumber.default(0.7),
  topP: probability.default(1),
  maxTokens: positiveInteger.optional(),
});

type ChatOptions = z.output<typeof schema>;

/** `espalier chat`: a conversation in the terminal whose adapters change as it goes. */
export const chatCommand: CommandDefinition = {
  name: 'chat',
  summary: 'Talks in the terminal, and switches adapters as the conversation goes.',
  examples: [
    'espalier chat --base demo/base --adapter adapters/friendly --adapter strict=adapters/strict',
    'espalier chat --server http://127.0.0.1:8000 --model support',
    'echo "Hello" | espalier chat --base demo/base --json',
  ],
  configure(command) {
    command
      .option('--base <dir>', 'the model: a Hugging Face folder, an ONNX file or folder, or hf:org/name')
      .option('--adapter <[name=]dir>', 'an adapter that can be chosen by /adapter; may be repeated', collect)
      .option(...anyBaseOption)
      .option('--server <url>', 'talk to a running OpenAI-compatible server instead')
      .option(...apiKeyOption)
      .option('--model <name>', 'the model of the server to begin with (default: its first)')
      .option('--system <text>', 'a text before the conversation')
      .option('--temperature <x>', '0 takes the likeliest token each time (default: 0.7)')
      .option('--top-p <p>', 'draw only from the likeliest tokens that together reach p (default: 1)')
      .option('--max-tokens <n>', 'longest answer in tokens (default: 512, or with --server as the server takes it)');
  },
  async run(options, context) {
    const read = readOptions(schema, options);
    if ((read.base === undefined) === (read.server === undefined)) {
      throw new EspalierError('CLI_CONFLICT', {
        expected: 'either --base or --server',
        actual: read.base === undefined ? 'neither' : 'both',
      });
    }
    if (read.server !== undefined) return talkToServer(read.server, read, context);
    const { base = '', anyBase } = read;
    const adapters = Object.fromEntries(read.adapter.map(namedPlace));
    await using model = await loadModel(base, {
      adapters,
      anyBase,
      threads: context.threads,
      spinUs: context.spinUs,
      provider: context.provider,
      ...definedOnly({ deviceMemory: context.deviceMemory }),
      maxSlots: 1,
    });
    await converse(read, { answerer: localAnswerer(model), model: undefined, context });
  },
};

async function talkToServer(server: string, read: ChatOptions, context: CommandContext): Promise<void> {
  const client = answerClientOf({ server, apiKey: read.apiKey });
  const [first] = read.model === undefined ? await client.models(context.signal) : [read.model];
  await converse(read, { answerer: remoteAnswerer(client, context.signal), model: first, context });
}

/** `NAME=DIR`, or a folder, which names its adapter. */
function namedPlace(spec: string): [name: string, place: string] {
  const at = spec.indexOf('=');
  return at > 0 ? [spec.slice(0, at), spec.slice(at + 1)] : [basename(spec), spec];
}

interface Talking {
  readonly answerer: Answerer;
  readonly model: string | undefined;
  readonly context: CommandContext;
}

async function converse(read: ChatOptions, { answerer, model, context }: Talking): Promise<void> {
  const { system, temperature, topP, maxTokens } = read;
  const { output, signal } = context;
  const start: Conversation = { model, adapters: [], system, turns: [], drawing: { temperature, topP, maxTokens } };
  using terminal = openTerminal(process, signal);
  if (output.interactive) output.note('/help lists what can be done here; /quit ends.');
  await talk(start, { answerer, terminal, output, signal });
}
