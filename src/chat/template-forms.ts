import { EspalierError } from '../core/index.ts';
import type { ChatMessage, Tokenizer, ToolCall } from '../tokenizer/index.ts';

/** What a chat template writes of a conversation, and in which form it reads it. */
export interface TemplateForms {
  /** Whether it reads contents only as lists of parts. */
  readonly readsParts: boolean;
  /** Whether it tells a message without a content from one with an empty content, and does not write the word None. */
  readonly takesNull: boolean;
  /** Whether it writes a text of arguments as it is. */
  readonly takesText: boolean;
  /** Whether it writes arguments that are an object. */
  readonly takesObjects: boolean;
  /** Whether it writes the id of a call where others write its name, so that the id has to say what is called. */
  readonly namesCallsById: boolean;
  readonly writesSystem: boolean;
  /** Whether it was seen to write tools, calls and results: false also where it refuses all conversations with them. */
  readonly isSeenToWrite: { readonly tools: boolean; readonly calls: boolean; readonly results: boolean };
  readonly writesTools: boolean;
  readonly writesCalls: boolean;
  readonly writesResults: boolean;
  readonly writesDocuments: boolean;
  /** Those fields of an assistant's thoughts that it writes. */
  readonly thoughts: readonly string[];
}

/** The fields that templates and other trainers have for an assistant's thoughts. */
export const thoughtFields: readonly string[] = ['reasoning_content', 'reasoning', 'thinking'];

const known = new WeakMap<Tokenizer, TemplateForms>();

/**
 * Finds out what a template writes by rendering a small conversation in each form, once for each tokenizer.
 *
 * WHY by rendering: a template is a program, and only its result shows what it does with a field. A template that fails on all forms is
 * taken to write everything, so that its own words about the real conversation come out.
 *
 * @throws EspalierError CHAT_TEMPLATE_MISSING
 */
export function formsOf(tokenizer: Tokenizer): TemplateForms {
  const found = known.get(tokenizer) ?? probe(tokenizer);
  known.set(tokenizer, found);
  return found;
}

const [asked, answered, called, result] = ['probe-question', 'probe-answer', 'probe_call', 'probe-result'];
const textArguments = '{"probe_key": "probe_value"}';
const objectArguments = { probe_key: 'probe_value' };
const [found, thought] = ['probe-document', 'probe-thought'];
/** WHY so many names: templates know a document's words by any of them. */
const document = { id: '1', doc_id: 1, title: 'a', text: found, content: found, contents: found, body: found };
/** WHY nine letters and digits: some templates refuse any other id. */
const callId = 'probe0001';

const user: ChatMessage = { role: 'user', content: asked };
const instructed = 'probe-instruction';
const system: ChatMessage = { role: 'system', content: instructed };
const turn: ChatMessage = { role: 'assistant', content: answered };
const toolResult: ChatMessage = { role: 'tool', tool_call_id: callId, name: called, content: result };
const tool = {
  type: 'function',
  function: {
    name: called,
    description: 'a call',
    parameters: { type: 'object', properties: { probe_key: { type: 'string', description: 'a key' } }, required: [] },
  },
};

type Arguments = ToolCall['function']['arguments'];

function probe(tokenizer: Tokenizer): TemplateForms {
  const render = (messages: readonly ChatMessage[], tools?: readonly object[], more?: object): string | undefined =>
    renderedBy(tokenizer, messages, { tools, ...more });
  const readsParts = render([user])?.includes(asked) !== true && render([inParts(user)])?.includes(asked) === true;
  const dialogue = (given: Arguments, content: null | '', tools?: readonly object[]): string | undefined =>
    render([user, callOf(given, content), readsParts ? inParts(toolResult) : toolResult, turn], tools);
  const call = (given: Arguments, content: null | ''): string | undefined =>
    dialogue(given, content) ?? render([user, callOf(given, content)]);
  const forms = [textArguments, objectArguments];
  const takesNull = forms.some((given) => writesNothingFor(call(given, null), call(given, '')));
  const content = takesNull ? null : '';
  const [text, object] = forms.map((given) => call(given, content));
  const toldOf = render([user], [tool]);
  const results = forms.map((given) => dialogue(given, content));
  // WHY with a tool too: some templates refuse calls and results of tools that they are not told of.
  const told = forms.map((given) => dialogue(given, content, [tool]));
  return {
    readsParts,
    takesNull,
    takesText: text?.includes(textArguments) === true,
    takesObjects: object?.includes('probe_key') === true && object.includes('probe_value'),
    namesCallsById: [text, object].some((each) => each?.includes(callId) === true && !each.includes(called)),
    writesSystem:
      render([readsParts ? inParts(system) : system, readsParts ? inParts(user) : user])?.includes(instructed) === true,
    writesTools: some([toldOf], (text) => text.includes(called)),
    writesCalls: some([text, object], hasCall),
    writesResults: some(results, (each) => each.includes(result)),
    isSeenToWrite: {
      tools: toldOf?.includes(called) === true,
      calls: [text, object, ...told].some((each) => each !== undefined && hasCall(each)),
      results: [...results, ...told].some((each) => each?.includes(result) === true),
    },
    writesDocuments: some([render([user], undefined, { documents: [document] })], (text) => text.includes(found)),
    thoughts: thoughtFields.filter((field) => {
      const answers = [user, { ...turn, [field]: thought }];
      const rendered = [render(answers), render(answers, undefined, { variables: { enable_thinking: true } })];
      return some(rendered, (text) => text.includes(thought));
    }),
  };
}

/** Whether this holds for one of the rendered texts, or the template refused them all. */
function some(texts: readonly (string | undefined)[], holds: (text: string) => boolean): boolean {
  const rendered = texts.filter((text) => text !== undefined);
  return rendered.length === 0 || rendered.some(holds);
}

function hasCall(text: string): boolean {
  return text.includes(called) || text.includes('probe_value');
}

/** Whether a template writes a call without a content, and does not write the word of its language for nothing. */
function writesNothingFor(withNull: string | undefined, withEmpty: string | undefined): boolean {
  const words = (text = ''): number => text.split(/None|null/).length;
  return withNull !== undefined && hasCall(withNull) && words(withNull) <= words(withEmpty);
}

/** The template raised an error of its own, or did something with a value that the language refuses. */
const templateErrors: ReadonlySet<string> = new Set(['CHAT_TEMPLATE_FAILED', 'CHAT_TEMPLATE_INVALID']);

/** undefined where the template refuses the messages, or cannot be rendered with them. */
export function renderedBy(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: object,
): string | undefined {
  try {
    return tokenizer.renderChat(messages, { addGenerationPrompt: false, ...options });
  } catch (error) {
    if (EspalierError.isInstance(error) && templateErrors.has(error.code)) return undefined;
    throw error;
  }
}

function callOf(given: Arguments, content: null | ''): ChatMessage {
  const call: ToolCall = { id: callId, type: 'function', function: { name: called, arguments: given } };
  return { role: 'assistant', content, tool_calls: [call] };
}

function inParts(message: ChatMessage): ChatMessage {
  const { content } = message;
  return typeof content === 'string' ? { ...message, content: [{ type: 'text', text: content }] } : message;
}
