import type { ChatTemplate } from './chat-template.ts';
import type { Section } from './added-tokens.ts';

const answer = 'Answer';

/** How a chat template ends an answer. */
export interface TurnEnd {
  readonly id: number;
  /** From the end of the answer's words on, up to the end of the token. */
  readonly text: string;
  /** What the template writes behind the token after a whole conversation, such as a line end. */
  readonly behind: string;
}

/**
 * The token with which the chat template ends an answer. Training teaches it at the end of answers, so an answer that is generated ends with
 * it, even if the tokenizer names another token as eos.
 *
 * @param split  cuts a text at added tokens
 * @returns undefined if the template ends an answer with plain text, or cannot render a question and an answer
 */
export function findTurnEnd(
  template: Pick<ChatTemplate, 'render'>,
  split: (text: string) => readonly Section[],
): TurnEnd | undefined {
  const tail = tailOf(template);
  const first = split(tail).find(({ token, text }) => token !== undefined || text.trim() !== '');
  if (first?.token === undefined) return undefined;
  const end = first.start + first.text.length;
  return { id: first.token.id, text: tail.slice(0, end), behind: tail.slice(end) };
}

/** A mark in brackets, such as `<|im_end|>` or `</s>`. WHY nothing else: words and headings may be parts of an answer. */
const mark = /^\s*([<[{|][^\s<>[\]{}]{1,60}[>\]}])/u;

/**
 * The mark with which the chat template ends an answer where no token of the tokenizer is that mark, as with ChatML on a base that never
 * saw it. Training teaches its letters, so an answer ends there as it would at a token.
 *
 * @returns undefined if a token ends an answer, or nothing that looks like a mark
 */
export function findTurnMark(
  template: Pick<ChatTemplate, 'render'>,
  split: (text: string) => readonly Section[],
): string | undefined {
  if (findTurnEnd(template, split) !== undefined) return undefined;
  return mark.exec(tailOf(template))?.[1];
}

/** What the template writes behind the words of an answer. */
function tailOf(template: Pick<ChatTemplate, 'render'>): string {
  const rendered = renderTurn(template);
  const at = rendered?.lastIndexOf(answer) ?? -1;
  return rendered === undefined || at < 0 ? '' : rendered.slice(at + answer.length);
}

function renderTurn(template: Pick<ChatTemplate, 'render'>): string | undefined {
  const messages = [
    { role: 'user', content: 'Question' },
    { role: 'assistant', content: answer },
  ];
  try {
    return template.render(messages, { addGenerationPrompt: false }).text;
  } catch {
    // The template refuses these messages. Requests will show why.
    return undefined;
  }
}
