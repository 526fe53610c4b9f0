import type { ChatMessage, Tokenizer, ToolCall } from '../../tokenizer/index.ts';
import { FieldProblem } from '../field-problem.ts';
import { fitToTemplate } from '../fit-template.ts';
import { formsOf, renderedBy, thoughtFields } from '../template-forms.ts';
import type { AnswerForm, ThoughtForm } from './call-form.ts';
import { findCallForm, probeTools } from './find-call-form.ts';
import { type CallFormName, knownCallForms, knownThoughtForms } from './known-forms.ts';
import { channelMarks } from './read-channels.ts';

/** The form in which answers are read: as the template writes them, by the name of a form, or as plain text. */
export type ToolParser = 'auto' | 'none' | CallFormName;

export const toolParsers: readonly ToolParser[] = ['auto', 'none', ...(Object.keys(knownCallForms) as CallFormName[])];

/** Of a model without a template. */
const plainAnswers: AnswerForm = { calls: undefined, thoughts: undefined, hasShortIds: false, markIds: new Set() };

const found = new WeakMap<Tokenizer, Map<ToolParser, AnswerForm>>();

/**
 * The form in which a model writes thoughts and calls of tools, once for each tokenizer.
 *
 * WHY by rendering: a model was trained on what its template makes of calls, so what the template writes around a call is what the model
 * writes, too. Where a template writes none, the marks that it names decide.
 *
 * @param parser  the form of calls, if it is not to be found out
 */
export function findAnswerForm(tokenizer: Tokenizer, parser: ToolParser = 'auto'): AnswerForm {
  const known = found.get(tokenizer) ?? new Map<ToolParser, AnswerForm>();
  found.set(tokenizer, known);
  const form = known.get(parser) ?? find(tokenizer, parser);
  known.set(parser, form);
  return form;
}

function find(tokenizer: Tokenizer, parser: ToolParser): AnswerForm {
  if (!tokenizer.hasChatTemplate) return plainAnswers;
  const source = [...tokenizer.templates.values()].join('\n');
  const prober = new Prober(tokenizer);
  const thoughts = prober.thoughts() ?? knownThoughtForms.find(({ open }) => source.includes(open));
  const calls = callsOf(parser, source, prober, thoughts);
  const marks = [...literalsOf(calls), ...(thoughts ? [thoughts.open, thoughts.close] : [])];
  const markIds = new Set(marks.flatMap((mark) => tokenizer.encode(mark)));
  return { calls, thoughts, hasShortIds: prober.hasShortIds(), markIds };
}

function literalsOf(calls: AnswerForm['calls']): readonly string[] {
  if (calls === undefined) return [];
  if (calls === 'harmony') return Object.values(channelMarks);
  const { sectionOpen, open, call, close, sectionClose } = calls;
  const { kind: _kind, ...inner } = call;
  return [sectionOpen, open, ...Object.values(inner), close, sectionClose].filter(
    (literal): literal is string => typeof literal === 'string' && literal !== '',
  );
}

function callsOf(
  parser: ToolParser,
  source: string,
  prober: Prober,
  thoughts: ThoughtForm | undefined,
): AnswerForm['calls'] {
  if (parser === 'none') return undefined;
  if (parser !== 'auto') return knownCallForms[parser];
  if (source.includes(channelMarks.channel) && source.includes(channelMarks.message)) return 'harmony';
  const derived = findCallForm((calls) => prober.calls(calls, thoughts));
  // WHY: the models of Meta may write their mark before an object, though their templates write none.
  if (derived?.call.kind === 'json' && derived.open === '') return { ...derived, sectionOpen: pythonTag };
  if (derived !== undefined) return derived;
  const named = namedMarks.find(({ mark }) => source.includes(mark));
  if (named !== undefined) return knownCallForms[named.form];
  // The form that `toolsInWords` tells the model.
  return prober.writesTools ? undefined : knownCallForms.hermes;
}

const { sectionOpen: pythonTag } = knownCallForms.llama3;

/** Marks that a template tells its model to write calls with, though it writes none itself. */
const namedMarks = [
  { mark: '<|tool_call_argument_begin|>', form: 'kimi-k2' },
  { mark: '<|tool_list_start|>', form: 'lfm2' },
  { mark: '<|tool_call>', form: 'gemma-4' },
  { mark: '<start_function_call>', form: 'function-gemma' },
  { mark: '<|/tool_call|>', form: 'phi4-mini' },
  { mark: '<|tool_call|>', form: 'granite' },
  { mark: '<tool_call>', form: 'hermes' },
  { mark: '[TOOL_CALLS]', form: 'mistral' },
] as const;

const user: ChatMessage = { role: 'user', content: 'probe-question' };
const answer = 'probe-answer';
const thought = 'probe-thought';

/** Renders conversations to see what a template writes. */
class Prober {
  readonly #tokenizer: Tokenizer;
  readonly #prompt: string;
  /** What the template writes behind an answer. */
  readonly #tail: string;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#prompt = this.#render([user], { tools: probeTools, addGenerationPrompt: true }) ?? '';
    const answered = this.#render([user, { role: 'assistant', content: answer }]);
    this.#tail = answered?.slice(answered.lastIndexOf(answer) + answer.length) ?? '';
  }

  get writesTools(): boolean {
    return formsOf(this.#tokenizer).isSeenToWrite.tools;
  }

  /** What an assistant writes who only calls. */
  calls(calls: readonly ToolCall[], thoughts: ThoughtForm | undefined): string | undefined {
    const text = this.#render([user, { role: 'assistant', content: null, tool_calls: calls }], { tools: probeTools });
    if (text === undefined) return undefined;
    const written = text.slice(promptLengthOf(text, this.#prompt));
    const behindThought = thoughts === undefined ? 0 : written.lastIndexOf(thoughts.close) + 1;
    const begun = behindThought === 0 ? written : written.slice(behindThought - 1 + (thoughts?.close.length ?? 0));
    return begun.slice(0, begun.length - sharedEndOf(begun, this.#tail));
  }

  /** The marks around a thought that the template writes. */
  thoughts(): ThoughtForm | undefined {
    for (const field of thoughtFields) {
      const message = { role: 'assistant', content: answer, [field]: thought };
      for (const variables of [{}, { enable_thinking: true, thinking: true }]) {
        const text = this.#render([user, message], { variables });
        const [at, end] = [text?.indexOf(thought) ?? -1, text?.lastIndexOf(answer) ?? -1];
        if (text === undefined || at < 0 || end < at) continue;
        const open = /(?:<[^<>\s]+>|\[[^[\]\s]+\])$/.exec(text.slice(0, at).trimEnd())?.[0];
        const close = /^(?:<[^<>\s]+>|\[[^[\]\s]+\])$/.exec(text.slice(at + thought.length, end).trim())?.[0];
        if (open !== undefined && close !== undefined) return { open, close };
      }
    }
    return undefined;
  }

  /** Whether the template refuses an id as OpenAI has them, and takes one of nine letters and digits. */
  hasShortIds(): boolean {
    const writes = (id: string): boolean => {
      const call: ToolCall = { id, type: 'function', function: { name: 'probe_call', arguments: {} } };
      const result: ChatMessage = { role: 'tool', tool_call_id: id, name: 'probe_call', content: 'x' };
      return this.#render([user, { role: 'assistant', content: null, tool_calls: [call] }, result]) !== undefined;
    };
    return writes('probe0001') && !writes('call_probe0001probe0001prob');
  }

  #render(
    messages: readonly ChatMessage[],
    { tools, addGenerationPrompt = false, variables }: Partial<Parameters<Tokenizer['renderChat']>[1]> = {},
  ): string | undefined {
    const fitted = fitToTemplate({ messages }, this.#tokenizer);
    const fit = fitted instanceof FieldProblem ? messages : fitted.messages;
    return renderedBy(this.#tokenizer, fit, { tools, addGenerationPrompt, variables });
  }
}

/** Where the answer begins: behind the prompt, or where its text differs, which is never within a mark. */
function promptLengthOf(text: string, prompt: string): number {
  if (text.startsWith(prompt)) return prompt.length;
  let length = 0;
  while (text[length] === prompt[length]) length++;
  while (length > 0 && !/[>\]\s]/.test(text[length - 1] ?? '')) length--;
  return length;
}

function sharedEndOf(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++;
  return length;
}
