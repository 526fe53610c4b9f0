import { withWrittenNumbers } from '../core/index.ts';
import { compileTemplate } from '../jinja/index.ts';
import type { ChatMessage, Tokenizer, ToolCall } from '../tokenizer/index.ts';
import { FieldProblem, isFields } from './field-problem.ts';
import { parsed } from './read-tool-calls.ts';
import type { Tool } from './read-tools.ts';
import { formsOf, thoughtFields, type TemplateForms } from './template-forms.ts';

/** A conversation, and what its assistant may call. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly Tool[] | undefined;
}

/** What is known of a conversation besides. */
export interface FitOptions {
  /** Documents that the template gets. */
  readonly documents?: readonly object[] | undefined;
  /** Whether the message at this index is learned. Default: none is. */
  readonly isLearned?: (index: number) => boolean;
}

/**
 * Gives a conversation the form that the template of a tokenizer reads: the arguments of calls as an object or as a text, and contents
 * as text or as parts.
 *
 * @returns a problem for what the template leaves out, because nobody would see that it was neither learned nor read
 * @throws EspalierError CHAT_TEMPLATE_MISSING
 */
export function fitToTemplate(
  conversation: Conversation,
  tokenizer: Tokenizer,
  options: FitOptions = {},
): Conversation | FieldProblem {
  const forms = formsOf(tokenizer);
  const left = leftOut(conversation, forms) ?? leftOutOf(conversation, forms, options);
  if (left !== undefined) return left;
  const { tools } = conversation;
  const messages = forms.namesCallsById ? withNumberedCalls(conversation.messages) : conversation.messages;
  return { messages: messages.map((message) => fitMessage(message, forms)), tools };
}

const without = 'the chat template of the base writes no';

function leftOut({ messages, tools }: Conversation, forms: TemplateForms): FieldProblem | undefined {
  if (tools !== undefined && !forms.writesTools) {
    return new FieldProblem(['tools'], `${without} tools; leave them out, or describe them in a system message`);
  }
  for (const [index, { role, tool_calls: calls }] of messages.entries()) {
    if (calls !== undefined && !forms.writesCalls) {
      const problem = `${without} calls of tools; write the call as the assistant's "content"`;
      return new FieldProblem(['messages', index, 'tool_calls'], problem);
    }
    if (role === 'tool' && !forms.writesResults) {
      const problem = `${without} results of tools; write the result as a message of the user`;
      return new FieldProblem(['messages', index, 'role'], problem);
    }
  }
  return undefined;
}

function leftOutOf(
  { messages }: Conversation,
  forms: TemplateForms,
  { documents = [], isLearned = () => false }: FitOptions,
): FieldProblem | undefined {
  if (documents.length > 0 && !forms.writesDocuments) {
    return new FieldProblem(['documents'], `${without} documents; put them into the messages`);
  }
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'assistant' || !isLearned(index)) continue;
    const fields = new Map(Object.entries(message));
    const given = thoughtFields.filter((field) => isWord(fields.get(field)));
    const [first] = given;
    if (first === undefined || given.some((field) => forms.thoughts.includes(field))) continue;
    const [known] = forms.thoughts;
    const instead =
      known === undefined ? 'write the thoughts into "content", as the model is to write them' : `call it "${known}"`;
    return new FieldProblem(['messages', index, first], `${without} "${first}"; ${instead}`);
  }
  return undefined;
}

function isWord(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}

/** The thoughts of a message under the name that the template reads. WHY: an answer has them under two names, and a template under a third. */
function fitThoughts(message: ChatMessage, { thoughts }: TemplateForms): object {
  const [known] = thoughts;
  const fields = new Map(Object.entries(message));
  if (known === undefined || thoughts.some((field) => fields.has(field))) return {};
  const given = thoughtFields.find((field) => fields.has(field));
  return given === undefined ? {} : { [known]: fields.get(given) as unknown };
}

/**
 * Calls with ids of the form `functions.NAME:COUNT`, COUNT being the calls before, and results with the id of their call. WHY: the
 * templates of Kimi write nothing else of a call's name, and their models go on counting where the conversation stops.
 */
function withNumberedCalls(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const written = new Map<string, string>();
  let count = 0;
  return messages.map((message) => {
    const { tool_calls: calls, tool_call_id: answered } = message;
    const own = answered === undefined ? undefined : written.get(answered);
    const numbered = calls?.map((call) => {
      const id = `functions.${call.function.name}:${count++}`;
      if (call.id !== undefined) written.set(call.id, id);
      return withWrittenNumbers({ ...call, id }, call);
    });
    const ids = { ...(own && { tool_call_id: own }), ...(numbered && { tool_calls: numbered }) };
    return withWrittenNumbers({ ...message, ...ids }, message);
  });
}

function fitMessage(message: ChatMessage, forms: TemplateForms): ChatMessage {
  const { readsParts, takesNull } = forms;
  const { content: given, tool_calls: calls } = message;
  const content = given === null && !takesNull ? '' : given;
  const fitted = {
    ...message,
    ...fitThoughts(message, forms),
    content: readsParts && typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content,
    ...(calls === undefined ? {} : { tool_calls: calls.map((call) => fitCall(call, forms)) }),
  };
  return withWrittenNumbers(fitted, message);
}

function fitCall(call: ToolCall, forms: TemplateForms): ToolCall {
  const called = { ...call.function, arguments: fitArguments(call.function.arguments, forms) };
  return withWrittenNumbers({ ...call, function: withWrittenNumbers(called, call.function) }, call);
}

type Arguments = ToolCall['function']['arguments'];

/** WHY the text first: it is the very text that a model wrote; a template that quotes it once more would change it. */
function fitArguments(given: Arguments, { takesText, takesObjects }: TemplateForms): Arguments {
  if (typeof given === 'string') {
    const value = takesText || !takesObjects ? undefined : parsed(given);
    return isFields(value) ? value : given;
  }
  return takesText && !takesObjects ? pythonJson(given) : given;
}

const json = compileTemplate('{{ value | tojson }}');

/** JSON as Python's json.dumps writes it, which is how templates and the data of other trainers write it. */
export function pythonJson(value: unknown): string {
  return json.render({ value }).text;
}
