import { EspalierError } from '../../core/index.ts';
import type { ChatMessage, Range, Tokenizer } from '../../tokenizer/index.ts';
import { ignoredLabel, type Example } from './example.ts';
import type { RowPlace } from './row.ts';

export interface MaskChatOptions {
  readonly tools?: readonly object[] | undefined;
  /** Whether the assistant's message at this index is learned. Default: each is. */
  readonly isLearned?: (index: number) => boolean;
}

/**
 * Renders a conversation with labels for the assistant's turns, including their end-of-turn tokens.
 *
 * An assistant's turn is the text that is appended when the turn is added to the messages: it begins after the earlier turns and the
 * generation prompt, and ends where the template closes it. Turns are not found by token ids, so a pad token that equals eos does no
 * harm. A token across the border of a turn belongs to the assistant.
 *
 * @throws EspalierError CHAT_TEMPLATE_UNSTABLE if an added message changes the text that was rendered before it
 */
export function maskChat(
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
  place: RowPlace,
  { tools, isLearned = () => true }: MaskChatOptions = {},
): Example {
  const whole = tokenizer.renderChat(messages, { addGenerationPrompt: false, tools });
  const turns = assistantTurns(messages, { whole, tokenizer, place, tools, isLearned });
  const { ids, ranges } = tokenizer.encodeRendered(whole, turns);
  const inputIds = Int32Array.from(ids);
  const labels = new Int32Array(inputIds.length).fill(ignoredLabel);
  for (const { start, end } of ranges) labels.set(inputIds.subarray(start, end), start);
  return { inputIds, labels };
}

interface Rendered extends Required<MaskChatOptions> {
  readonly whole: string;
  readonly tokenizer: Tokenizer;
  readonly place: RowPlace;
}

/** Where the assistant's turns lie in the whole text. */
function assistantTurns(
  messages: readonly ChatMessage[],
  { whole, tokenizer, place, tools, isLearned }: Rendered,
): Range[] {
  const turns: Range[] = [];
  for (const [index, { role }] of messages.entries()) {
    if (role !== 'assistant' || !isLearned(index)) continue;
    const isLast = index === messages.length - 1;
    const before = tokenizer.renderChat(messages.slice(0, index), { addGenerationPrompt: true, tools });
    const after = isLast
      ? whole
      : tokenizer.renderChat(messages.slice(0, index + 1), { addGenerationPrompt: false, tools });
    if (!after.startsWith(before) || !whole.startsWith(after)) {
      throw new EspalierError('CHAT_TEMPLATE_UNSTABLE', { ...place, index });
    }
    turns.push({ start: before.length, end: after.length });
  }
  return turns;
}
