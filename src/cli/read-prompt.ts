import { readFile } from 'node:fs/promises';
import { EspalierError, parseWithNumbers } from '../core/index.ts';
import {
  FieldProblem,
  fitToTemplate,
  isFields,
  readMessages,
  readToolsBeside,
  readVariables,
  type Conversation,
} from '../chat/index.ts';
import type { StreamDecoderOptions, Tokenizer } from '../tokenizer/index.ts';

/** The three ways to give a prompt. A command line uses exactly one. */
export interface PromptOptions {
  readonly prompt?: string | undefined;
  /** A JSON file: `[{"role", "content"}, ...]`, or an object with such a list in `messages`, and optionally `tools`. */
  readonly messages?: string | undefined;
  readonly inputIds?: readonly number[] | undefined;
  /** Further values for the chat template. */
  readonly chatTemplateKwargs?: Readonly<Record<string, unknown>> | undefined;
  readonly enableThinking?: boolean | undefined;
}

export interface Prompt {
  readonly tokens: readonly number[];
  /** How the tokens of the answer are decoded. An answer that continues a text keeps the space before its first word. */
  readonly decoding: StreamDecoderOptions;
  /** Texts that end the answer. */
  readonly stops: readonly string[];
}

/**
 * Converts the prompt of the command line to token ids.
 * @throws EspalierError CLI_CONFLICT if not exactly one way is used, or if the way needs a tokenizer that the folder does not have
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
  if (inputIds !== undefined) return { tokens: inputIds, decoding: { after: inputIds }, stops: [] };
  if (tokenizer === undefined) {
    const expected = '--input-ids, since the folder of the base has no tokenizer';
    throw new EspalierError('CLI_CONFLICT', { expected, actual: given.join('') });
  }
  if (messages !== undefined) {
    const conversation = fitToTemplate(await readConversation(messages), tokenizer);
    if (conversation instanceof FieldProblem) throw wrongFile(messages, conversation);
    const variables = readVariables(options.chatTemplateKwargs, options.enableThinking);
    if (variables instanceof FieldProblem) {
      const expected = 'values that the chat template is not given in another way';
      throw new EspalierError('CLI_BAD_VALUE', { flag: '--chat-template-kwargs', expected, actual: variables.problem });
    }
    const rendering = { addGenerationPrompt: true, tools: conversation.tools, variables };
    const stops = tokenizer.turnMark === undefined ? [] : [tokenizer.turnMark];
    return { tokens: tokenizer.encodeChat(conversation.messages, rendering), decoding: {}, stops };
  }
  const tokens = tokenizer.encode(prompt ?? '', { bos: true });
  return { tokens, decoding: { after: tokens }, stops: [] };
}

async function readConversation(path: string): Promise<Conversation> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file of messages', path }, { cause });
  }
  const value = parseJson(text);
  const file = isFields(value) ? value : { messages: value };
  const read = readMessages(file['messages']);
  if (read instanceof FieldProblem) throw wrongFile(path, read.within('messages'));
  const tools = readToolsBeside(file);
  if (tools instanceof FieldProblem) throw wrongFile(path, tools);
  return { messages: read.messages, tools };
}

function wrongFile(path: string, { place, problem }: FieldProblem): EspalierError {
  const expected = 'a JSON file with a list of {"role", "content"}';
  return new EspalierError('CLI_BAD_VALUE', { flag: '--messages', expected, actual: `${path} (${place}: ${problem})` });
}

function parseJson(text: string): unknown {
  try {
    return parseWithNumbers(text);
  } catch {
    return undefined;
  }
}
