import type { ChatMessage, Tokenizer, ToolCall } from '../tokenizer/index.ts';
import { knownCallForms } from './answers/known-forms.ts';
import { FieldProblem } from './field-problem.ts';
import { fitToTemplate, pythonJson, type Conversation } from './fit-template.ts';
import { parsed } from './read-tool-calls.ts';
import type { Tool } from './read-tools.ts';
import { formsOf, renderedBy } from './template-forms.ts';

/** What the template gets besides. */
interface TemplateValues {
  readonly documents?: readonly object[] | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Writes tools, calls and results as words of the messages, where the template leaves them out or refuses them: tools before the conversation, calls
 * between `<tool_call>` marks as Hermes and Qwen write them, and results as messages of the user. What the template writes by itself is
 * not changed.
 *
 * WHY: most small models were trained without tools. Many follow a description, and their callers can be served by one API.
 *
 * @throws EspalierError CHAT_TEMPLATE_MISSING
 */
export function toolsInWords(
  conversation: Conversation,
  tokenizer: Tokenizer,
  given: TemplateValues = {},
): Conversation {
  const { messages, tools } = conversation;
  const hasParts = messages.some(({ role, tool_calls: calls }) => role === 'tool' || calls !== undefined);
  if (tools === undefined && !hasParts) return conversation;
  const { writesTools, writesCalls, writesResults, isSeenToWrite, writesSystem } = formsOf(tokenizer);
  // WHY: a template that refused every trial may take the real conversation.
  let isTaken: boolean | undefined;
  const takes = (): boolean => (isTaken ??= isRendered(conversation, tokenizer, given));
  const told = messages.map((message) => {
    return writesCalls && (isSeenToWrite.calls || takes()) ? message : withSpokenCalls(message);
  });
  const heard = writesResults && (isSeenToWrite.results || takes()) ? told : withSpokenResults(told);
  if (tools === undefined || (writesTools && (isSeenToWrite.tools || takes()))) return { messages: heard, tools };
  return { messages: withPreface(heard, prefaceOf(tools), writesSystem), tools: undefined };
}

function isRendered(conversation: Conversation, tokenizer: Tokenizer, given: TemplateValues): boolean {
  const fitted = fitToTemplate(conversation, tokenizer);
  if (fitted instanceof FieldProblem) return false;
  return renderedBy(tokenizer, fitted.messages, { tools: fitted.tools, ...given }) !== undefined;
}

function prefaceOf(tools: readonly Tool[]): string {
  return `You can call tools. Each line describes one of them, with the JSON schema of its parameters:
<tools>
${tools.map(pythonJson).join('\n')}
</tools>
To call a tool, write its name and its arguments as JSON between these marks, once for each call:
${spoken('the name of the tool', { 'a parameter': 'its value' })}
The result of a call then comes between <tool_response> and </tool_response>.`;
}

/** Before the conversation: in the text of the system, or before the first words of the user where the template has no system. */
function withPreface(messages: readonly ChatMessage[], preface: string, writesSystem: boolean): readonly ChatMessage[] {
  const place = messages.findIndex(({ role }) => role === 'system' || (!writesSystem && role === 'user'));
  const message = messages[place];
  if (message === undefined || (message.role !== 'system' && writesSystem)) {
    return [{ role: writesSystem ? 'system' : 'user', content: preface }, ...messages];
  }
  const order = message.role === 'system' ? [textOf(message), preface] : [preface, textOf(message)];
  return messages.with(place, { ...message, content: order.filter((text) => text !== '').join('\n\n') });
}

function withSpokenCalls(message: ChatMessage): ChatMessage {
  const { tool_calls: calls, ...rest } = message;
  if (calls === undefined) return message;
  const words = [textOf(message), ...calls.map(spokenCall)];
  return { ...rest, content: words.filter((text) => text !== '').join('\n') };
}

function spokenCall({ function: { name, arguments: given } }: ToolCall): string {
  const value = typeof given === 'string' ? (parsed(given) ?? given) : given;
  return spoken(name, value);
}

/** A call in the form in which `findAnswerForm` reads those of a template without tools. */
function spoken(name: string, given: unknown): string {
  const { open, close } = knownCallForms.hermes;
  return `${open}${pythonJson({ name, arguments: given })}${close}`;
}

/** Results that follow each other are one message, together with what the user says next. WHY: many templates want roles to alternate. */
function withSpokenResults(messages: readonly ChatMessage[]): ChatMessage[] {
  const heard: ChatMessage[] = [];
  let isOpen = false;
  for (const message of messages) {
    const isResult = message.role === 'tool';
    const text = isResult ? `<tool_response>\n${textOf(message)}\n</tool_response>` : textOf(message);
    const before = heard.at(-1);
    if (isOpen && before !== undefined && (isResult || message.role === 'user')) {
      heard[heard.length - 1] = { role: 'user', content: `${textOf(before)}\n${text}` };
    } else heard.push(isResult ? { role: 'user', content: text } : message);
    isOpen = isResult || (isOpen && message.role === 'user');
  }
  return heard;
}

function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return content?.map((part) => ('text' in part && typeof part.text === 'string' ? part.text : '')).join('') ?? '';
}
