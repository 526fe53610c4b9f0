import { EspalierError } from '../../core/index.ts';
import type { ChatMessage, Tokenizer } from '../../tokenizer/index.ts';
import { ignoredLabel, type Example } from './example.ts';
import type { RowPlace } from './row.ts';

/**
 * Renders a conversation so that the loss counts what the assistant says, its end-of-turn tokens included.
 *
 * An assistant's turn is what rendering appends when that turn is added: it begins behind the turns before it with the
 * generation prompt, and ends where the template has closed it. Nothing is found by token id, so that a pad token
 * equal to eos changes nothing. A token across the border of a turn counts as the assistant's.
 *
 * @throws EspalierError CHAT_TEMPLATE_UNSTABLE where adding a message changes what was rendered before it
 */
export function maskChat(messages: readonly ChatMessage[], tokenizer: Tokenizer, place: RowPlace): Example {
  const whole = renderPrefix(messages, false, tokenizer);
  const inputIds = Int32Array.from(whole.ids);
  const labels = new Int32Array(inputIds.length).fill(ignoredLabel);
  for (const [index, { role }] of messages.entries()) {
    if (role !== 'assistant') continue;
    const before = renderPrefix(messages.slice(0, index), true, tokenizer);
    const after = renderPrefix(messages.slice(0, index + 1), false, tokenizer);
    if (!after.text.startsWith(before.text) || !whole.text.startsWith(after.text)) {
      throw new EspalierError('CHAT_TEMPLATE_UNSTABLE', { ...place, index });
    }
    const start = sharedLength(before.ids, whole.ids);
    const shared = sharedLength(after.ids, whole.ids);
    const end = shared < after.ids.length ? shared + 1 : shared;
    labels.set(inputIds.subarray(start, end), start);
  }
  return { inputIds, labels };
}

interface Rendered {
  readonly text: string;
  readonly ids: readonly number[];
}

function renderPrefix(messages: readonly ChatMessage[], prompt: boolean, tokenizer: Tokenizer): Rendered {
  const options = { addGenerationPrompt: prompt };
  return { text: tokenizer.renderChat(messages, options), ids: tokenizer.encodeChat(messages, options) };
}

/** How many tokens two sequences have in common at their beginning. */
export function sharedLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
