import type { ChatTemplate } from './chat-template.ts';
import type { Section } from './added-tokens.ts';

const answer = 'Answer';

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
): number | undefined {
  const rendered = renderTurn(template);
  const at = rendered?.lastIndexOf(answer) ?? -1;
  if (rendered === undefined || at < 0) return undefined;
  const sections = split(rendered.slice(at + answer.length));
  return sections.find(({ token, text }) => token !== undefined || text.trim() !== '')?.token?.id;
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
