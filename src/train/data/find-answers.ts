import { EspalierError } from '../../core/index.ts';
import type { ChatMessage, Range, Tokenizer } from '../../tokenizer/index.ts';

export interface FindAnswersOptions {
  /** The rendered conversation. */
  readonly whole: string;
  readonly tokenizer: Tokenizer;
  readonly tools: readonly object[] | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  /** Indexes of the answers to find. */
  readonly wanted: readonly number[];
}

/**
 * Finds answers in a rendered conversation by rendering its beginnings.
 *
 * An answer is left out where the whole conversation does not begin with the beginning that ends with the answer. So it is with templates
 * of models that think: they render the last answer with its thoughts and earlier ones without. What remains of an earlier answer is not
 * what the model writes after the generation prompt, so it must not be learned.
 */
export function findAnswers(messages: readonly ChatMessage[], options: FindAnswersOptions): Range[] {
  const { whole, tokenizer, tools, variables, wanted } = options;
  const render = (shown: readonly ChatMessage[], addGenerationPrompt: boolean): string =>
    tokenizer.renderChat(shown, { addGenerationPrompt, tools, variables });
  const head = wanted.length === 0 ? '' : constantHead(messages, whole, render);
  return wanted.flatMap((index) => {
    const isLast = index === messages.length - 1;
    const before = render(messages.slice(0, index), true);
    const shown = isLast ? whole : render(messages.slice(0, index + 1), false);
    const after = shown.endsWith(head) ? shown.slice(0, shown.length - head.length) : shown;
    if (!whole.startsWith(before) || !after.startsWith(before) || !whole.startsWith(after)) return [];
    return [{ start: before.length, end: Math.min(after.length, endOfTurn(shown, tokenizer)) }];
  });
}

/**
 * Where the token that ends the last answer of a rendered conversation ends. WHY not what the template writes behind it: the model never
 * writes that, because an answer ends at that token when it is served.
 */
function endOfTurn(shown: string, { turnEnd }: Pick<Tokenizer, 'turnEnd'>): number {
  const isKnown = turnEnd !== undefined && shown.endsWith(turnEnd.text + turnEnd.behind);
  return shown.length - (isKnown ? turnEnd.behind.length : 0);
}

type Render = (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string;

/** The head of the assistant's next turn, where the template writes it after every conversation although nobody asks for it; else nothing. */
function constantHead(messages: readonly ChatMessage[], whole: string, render: Render): string {
  if (render(messages, true) !== whole) return '';
  const next = refusable(() => render([...messages, { role: 'user', content: 'x' }], false));
  if (next === undefined || next.startsWith(whole)) return '';
  const alone = refusable(() => render([{ role: 'assistant', content: probe }], false));
  const [before = '', behind = ''] = alone?.split(probe) ?? [];
  let length = 0;
  while (length < behind.length && before.at(-1 - length) === behind.at(-1 - length)) length += 1;
  const head = behind.slice(behind.length - length);
  return whole.endsWith(head) && next.startsWith(whole.slice(0, whole.length - length)) ? head : '';
}

const probe = 'probe-answer';

/** undefined where the template refuses the messages. */
function refusable(render: () => string): string | undefined {
  try {
    return render();
  } catch (error) {
    if (EspalierError.isInstance(error)) return undefined;
    throw error;
  }
}
