import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EspalierError } from '../core/index.ts';
import type { ChatMessage, StreamDecoderOptions, Tokenizer } from '../tokenizer/index.ts';

/** The three ways to give a prompt. A command line uses exactly one. */
export interface PromptOptions {
  readonly prompt?: string | undefined;
  /** A JSON file: `[{"role", "content"}, ...]`, or an object with that under `messages`. */
  readonly messages?: string | undefined;
  readonly inputIds?: readonly number[] | undefined;
}

export interface Prompt {
  readonly tokens: readonly number[];
  /** How the tokens of the answer become text. An answer that continues a text keeps the space before its first word. */
  readonly decoding: StreamDecoderOptions;
}

const message = z.looseObject({ role: z.string(), content: z.string() });
const messagesFile = z.union([
  z.array(message),
  z.object({ messages: z.array(message) }).transform((file) => file.messages),
]);

/**
 * Converts the prompt of the command line to token ids.
 * @throws EspalierError CLI_CONFLICT unless exactly one way is used, and one that the folder's tokenizer can take
 * @throws EspalierError CLI_BAD_VALUE, FILE_NOT_FOUND, CHAT_TEMPLATE_MISSING, CHAT_TEMPLATE_FAILED
 */
export async function readPrompt(options: PromptOptions, tokenizer: Tokenizer | undefined): Promise<Prompt> {
  const { prompt, messages, inputIds } = options;
  const given = Object.entries({ '--prompt': prompt, '--messages': messages, '--input-ids': inputIds })
    .filter(([, value]) => value !== undefined)
    .map(([flag]) => flag);
  if (given.length !== 1) {
    const expected = 'one of --prompt, --messages and --input-ids';
    throw new EspalierError('CLI_CONFLICT', { expected, actual: given.join(' and ') || 'none of them' });
  }
  if (inputIds !== undefined) return { tokens: inputIds, decoding: { after: inputIds } };
  if (tokenizer === undefined) {
    const expected = '--input-ids, since the folder of the base has no tokenizer';
    throw new EspalierError('CLI_CONFLICT', { expected, actual: given.join('') });
  }
  if (messages !== undefined) {
    const tokens = tokenizer.encodeChat(await readMessages(messages), { addGenerationPrompt: true });
    return { tokens, decoding: {} };
  }
  const tokens = tokenizer.encode(prompt ?? '', { bos: true });
  return { tokens, decoding: { after: tokens } };
}

async function readMessages(path: string): Promise<readonly ChatMessage[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file of messages', path }, { cause });
  }
  const result = messagesFile.safeParse(parseJson(text));
  if (result.success && result.data.length > 0) return result.data;
  const expected = 'a JSON file with a list of {"role", "content"}';
  throw new EspalierError('CLI_BAD_VALUE', { flag: '--messages', expected, actual: path });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
