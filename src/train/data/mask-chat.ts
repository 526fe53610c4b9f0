import { EspalierError } from '../../core/index.ts';
import type { ChatMessage, Range, Tokenizer } from '../../tokenizer/index.ts';
import { findAnswers } from './find-answers.ts';
import { ignoredLabel, type Example } from './example.ts';
import type { RowPlace } from './row.ts';

export interface MaskChatOptions {
  readonly tools?: readonly object[] | undefined;
  /** Further values for the template. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the assistant's message at this index is learned. Default: each is. */
  readonly isLearned?: (index: number) => boolean;
}

/** A conversation with labels. */
export interface MaskedChat extends Example {
  /** How many answers are not learned because the template renders them otherwise once others follow. */
  readonly passedOver: number;
}

/**
 * Renders a conversation with labels for what the assistant wrote.
 *
 * A template with `{% generation %}` says itself what that is, as in transformers. Of any other, an answer is the text that is appended
 * when the message is added: it begins after the earlier turns and the generation prompt, and ends with the token that ends the turn, or where the template closes it. Answers
 * are not found by token ids, so a pad token that equals eos does no harm. A token across the border of an answer belongs to the assistant.
 *
 * @throws EspalierError CHAT_TEMPLATE_UNSTABLE if no answer can be found
 */
export function maskChat(
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
  place: RowPlace,
  options: MaskChatOptions = {},
): MaskedChat {
  const { tools, variables, isLearned = () => true } = options;
  const { text, marks } = tokenizer.renderMarked(messages, { addGenerationPrompt: false, tools, variables });
  const learned = [...messages.keys()].filter((index) => messages[index]?.role === 'assistant' && isLearned(index));
  const marked = marks && marksOf(marks, messages, learned);
  if (marked !== undefined) return { ...labelled(text, marked, tokenizer), passedOver: 0 };
  const answers = findAnswers(messages, { whole: text, tokenizer, tools, variables, wanted: learned });
  const last = learned.at(-1);
  if (answers.length > 0 || last === undefined) {
    return { ...labelled(text, answers, tokenizer), passedOver: learned.length - answers.length };
  }
  // WHY: what follows the last answer changes how it is written, and nothing of it is learned.
  if (last + 1 < messages.length) return maskChat(messages.slice(0, last + 1), tokenizer, place, options);
  throw new EspalierError('CHAT_TEMPLATE_UNSTABLE', { ...place, index: last });
}

/** The marks of the answers that are learned; undefined where it is unknown which mark is whose. */
function marksOf(
  marks: readonly Range[],
  messages: readonly ChatMessage[],
  learned: readonly number[],
): readonly Range[] | undefined {
  const answers = [...messages.keys()].filter((index) => messages[index]?.role === 'assistant');
  const shown = marks.filter(({ start, end }) => end > start);
  if (learned.length === answers.length) return shown;
  if (marks.length !== answers.length) return undefined;
  return marks.filter(({ start, end }, at) => end > start && learned.includes(answers[at] ?? -1));
}

function labelled(text: string, answers: readonly Range[], tokenizer: Tokenizer): Example {
  const { ids, ranges } = tokenizer.encodeRendered(text, answers);
  const inputIds = Int32Array.from(ids);
  const labels = new Int32Array(inputIds.length).fill(ignoredLabel);
  for (const { start, end } of ranges) labels.set(inputIds.subarray(start, end), start);
  return { inputIds, labels };
}
