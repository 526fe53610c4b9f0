import { describeValue, FieldProblem, isFields, readMessages } from '../../chat/index.ts';
import type { ChatMessage } from '../../tokenizer/index.ts';
import { readAssistantContent, readText, readUserContent } from './read-blocks.ts';
import { joinTurns, type Place, type Turn } from './turns.ts';

const maxMessages = 1024;

/** Messages in the form that templates read, and where the client wrote each of them. */
export interface ReadConversation {
  readonly messages: readonly ChatMessage[];
  readonly places: readonly Place[];
}

/**
 * Reads `messages` of Anthropic's API. They are translated to OpenAI's form and read by the one reader of messages, so that the same
 * conversation becomes the same tokens, whatever the API that it came by.
 *
 * @param system  the text of `system`; undefined: none
 * @returns a problem within `messages`
 */
export function readConversation(value: unknown, system: string | undefined): ReadConversation | FieldProblem {
  if (!Array.isArray(value) || value.length === 0) {
    return new FieldProblem([], `a list of at least one message is expected, got ${describeValue(value)}`);
  }
  if (value.length > maxMessages) {
    return new FieldProblem([], `${value.length} messages came, and at most ${maxMessages} are taken`);
  }
  const turns: Turn[] =
    system === undefined ? [] : [{ place: ['system'], message: { role: 'system', content: system } }];
  for (const [index, one] of value.entries()) {
    const read = readTurns(one, index);
    if (read instanceof FieldProblem) return read.within(index);
    turns.push(...read);
  }
  const joined = joinTurns(turns);
  if (joined.at(-1)?.message.role === 'assistant') {
    const problem =
      'the last message is of the assistant, and answers are not continued; end with a message of the user';
    return new FieldProblem([value.length - 1, 'role'], problem);
  }
  const read = readMessages(joined.map(({ message }) => message));
  if (read instanceof FieldProblem) return read;
  return { messages: read.messages, places: joined.map(({ place }) => place) };
}

function readTurns(value: unknown, index: number): readonly Turn[] | FieldProblem {
  if (!isFields(value)) return new FieldProblem([], `a message is an object, got ${describeValue(value)}`);
  const { role, content } = value;
  const place = ['messages', index];
  if (role === 'user') {
    const turns = readUserContent(content, place);
    return turns instanceof FieldProblem ? turns.within('content') : turns;
  }
  if (role === 'assistant') {
    const message = readAssistantContent(content);
    return message instanceof FieldProblem ? message.within('content') : [{ place, message }];
  }
  if (role === 'system') {
    const text = readText(content);
    return text instanceof FieldProblem ? text.within('content') : [{ place, message: { role, content: text } }];
  }
  return new FieldProblem(['role'], `user, assistant or system is expected, got ${describeValue(role)}`);
}

/** Reads `system`: a text, or blocks of text in a row. @returns undefined where there is none */
export function readSystem(value: unknown): string | undefined | FieldProblem {
  if (value === undefined || value === null) return undefined;
  const text = readText(value);
  return text === '' ? undefined : text;
}
