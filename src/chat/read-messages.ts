import { nearest, withWrittenNumbers } from '../core/index.ts';
import type { ChatMessage, ToolCall } from '../tokenizer/index.ts';
import { readContent } from './read-content.ts';
import { describeValue, FieldProblem, isFields, readEach, type Fields } from './field-problem.ts';
import { learnedNames, readLearned } from './read-learned.ts';
import { readFunctionCall, readToolCalls } from './read-tool-calls.ts';

/** Messages that were read and checked. */
export interface ReadMessages {
  readonly messages: readonly ChatMessage[];
  /** Whether each message is to be learned, as its `weight` says; undefined where it does not say. */
  readonly learned: readonly (boolean | undefined)[];
  /** Fields that no known format of messages has. The template gets them. */
  readonly unknown: readonly string[];
}

export interface ReadMessagesOptions {
  /** Most messages. Default: any number. */
  readonly maxMessages?: number;
  /** Most parts of a message's content. Default: any number. */
  readonly maxParts?: number;
}

/** The roles that a message may have. `function` is OpenAI's older name of `tool`. */
export const messageRoles = ['system', 'developer', 'user', 'assistant', 'tool', 'function'] as const;
type MessageRole = (typeof messageRoles)[number];

/** Fields with a meaning of their own; `reasoning_content` is what templates of thinking models read. */
const knownFields: readonly string[] = [
  'role',
  'content',
  'name',
  'tool_calls',
  'tool_call_id',
  'function_call',
  'reasoning_content',
  'refusal',
  'audio',
  'annotations',
  ...learnedNames,
];

/** Of these a misspelt one would change what is learned, or what the model sees, without a sign. */
const decisiveFields: readonly string[] = ['role', 'content', 'weight', 'tool_calls', 'tool_call_id', 'function_call'];

/**
 * Reads the messages of a conversation, in OpenAI's form. This is the one reader of messages: of rows to train on, of files of
 * messages, of requests and of calls of the library, so that the same messages become the same tokens everywhere.
 *
 * `developer` becomes `system` and `function` becomes `tool`, which are the names that templates know; `function_call` becomes
 * `tool_calls`. A content of text parts becomes their texts in a row. A field that is null counts as absent.
 */
export function readMessages(value: unknown, options: ReadMessagesOptions = {}): ReadMessages | FieldProblem {
  if (!Array.isArray(value) || value.length === 0) {
    return new FieldProblem([], `it must be a list of at least one message, got ${describeValue(value)}`);
  }
  const { maxMessages = Infinity } = options;
  if (value.length > maxMessages) {
    return new FieldProblem([], `${value.length} messages came, and at most ${maxMessages} are taken`);
  }
  const unknown = new Set<string>();
  const learned: (boolean | undefined)[] = [];
  const messages = readEach(value, (item) => {
    const message = readMessage(item, { ...options, unknown });
    if (message instanceof FieldProblem || !isFields(item)) return message;
    const isLearned = readLearned(item, message.role);
    if (isLearned instanceof FieldProblem) return isLearned;
    learned.push(isLearned);
    return message;
  });
  return messages instanceof FieldProblem ? messages : { messages, learned, unknown: [...unknown] };
}

interface MessageOptions extends ReadMessagesOptions {
  readonly unknown: Set<string>;
}

function readMessage(value: unknown, options: MessageOptions): ChatMessage | FieldProblem {
  if (!isFields(value)) return new FieldProblem([], `a message is an object, got ${describeValue(value)}`);
  const misspelt = findMisspelt(value);
  if (misspelt !== undefined) return misspelt;
  const role = readRole(value['role']);
  if (role instanceof FieldProblem) return role;
  const wrong = refusedField(value);
  if (wrong !== undefined) return wrong;
  const calls = callsOf(value, role);
  if (calls instanceof FieldProblem) return calls;
  const content = readContent(value['content'], { ...options, mayBeAbsent: calls !== undefined });
  if (content instanceof FieldProblem) return content;
  for (const name of Object.keys(value)) if (!knownFields.includes(name)) options.unknown.add(name);
  const message = {
    ...otherFields(value),
    role: templateRoles[role],
    content,
    ...(calls === undefined ? {} : { tool_calls: calls }),
  };
  return withWrittenNumbers(message, value);
}

/** The names that templates know. */
const templateRoles: Readonly<Record<MessageRole, string>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
  function: 'tool',
};

/** What other formats call the roles. */
const foreignRoles: Readonly<Record<string, MessageRole>> = {
  human: 'user',
  gpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  ai: 'assistant',
  observation: 'tool',
};

function isRole(value: unknown): value is MessageRole {
  return messageRoles.some((role) => role === value);
}

function readRole(value: unknown): MessageRole | FieldProblem {
  if (isRole(value)) return value;
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  const meant = Object.hasOwn(foreignRoles, word) ? foreignRoles[word] : nearest(word, messageRoles);
  const hint = meant === undefined || word === '' ? '' : ` (did you mean "${meant}"?)`;
  const problem = `system, developer, user, assistant or tool is expected, got ${describeValue(value)}${hint}`;
  return new FieldProblem(['role'], problem);
}

/** A field that looks like one that decides what is learned. */
function findMisspelt(message: Fields): FieldProblem | undefined {
  for (const name of Object.keys(message)) {
    if (knownFields.includes(name)) continue;
    const meant = nearest(
      name,
      decisiveFields.filter((field) => !(field in message)),
    );
    if (meant === undefined || !looksMisspelt(name, meant)) continue;
    return new FieldProblem([name], `no such field is known (did you mean "${meant}"?)`);
  }
  return undefined;
}

/** WHY: `nearest` also finds words that are others, such as "node" for "role". */
function looksMisspelt(name: string, meant: string): boolean {
  return name.slice(0, 1).toLowerCase() === meant.slice(0, 1);
}

/** Fields that hold what would have to be learned, and cannot be. */
function refusedField(message: Fields): FieldProblem | undefined {
  const { refusal, audio } = message;
  if (typeof refusal === 'string' && refusal !== '') {
    return new FieldProblem(['refusal'], 'a refusal is not written into the conversation; give its words as "content"');
  }
  if (isFields(audio)) return new FieldProblem(['audio'], 'audio is not read; give the words as "content"');
  return undefined;
}

function callsOf(message: Fields, role: MessageRole): readonly ToolCall[] | undefined | FieldProblem {
  const { tool_calls: calls, function_call: call } = message;
  const field = isGiven(calls) ? 'tool_calls' : 'function_call';
  if (!isGiven(calls) && !isGiven(call)) return undefined;
  if (role !== 'assistant') return new FieldProblem([field], `only an assistant calls tools, not ${role}`);
  if (!isGiven(calls)) {
    const read = readFunctionCall(call);
    return read instanceof FieldProblem ? (read.path[0] === 'function' ? shortened(read) : read).within(field) : [read];
  }
  const read = readToolCalls(calls);
  return read instanceof FieldProblem ? read.within(field) : read;
}

function shortened({ path, problem }: FieldProblem): FieldProblem {
  return new FieldProblem(path.slice(1), problem);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}

const handled = new Set(['role', 'content', 'tool_calls', 'function_call', ...learnedNames]);
/** What an answer of the API carries and no template reads. */
const ofAnswers = new Set(['refusal', 'audio', 'annotations']);

/** What a template may read besides; what is null is left out, as tables write null for an absent field. */
function otherFields(message: Fields): Fields {
  const entries = Object.entries(message).filter(
    ([name, value]) => !handled.has(name) && !ofAnswers.has(name) && value !== null && value !== undefined,
  );
  return Object.fromEntries(entries);
}
