import { EspalierError } from '../../core/index.ts';
import { fitToTemplate } from '../../chat/index.ts';
import { sharedLength, type Tokenizer } from '../../tokenizer/index.ts';
import { ignoredLabel, type Example } from './example.ts';
import { maskChat } from './mask-chat.ts';
import { orThrow } from './row-fields.ts';
import { invalid, type CompletionRow, type MessagesRow, type Row, type RowPlace, type TokensRow } from './row.ts';

export interface EncodeRowOptions {
  /** undefined for a model without a tokenizer. */
  readonly tokenizer: Tokenizer | undefined;
  /** Number of rows of the model's embedding. Ids at or above it are refused. */
  readonly vocabSize: number;
}

/** An example of its full length. */
export interface WholeExample extends Example {
  /** How many answers are not learned because the template renders them otherwise once others follow. */
  readonly passedOver?: number;
}

/**
 * Converts a row to an example of its full length.
 *
 * - text: bos + its tokens + eos, all in the loss;
 * - prompt and completion: bos + both + eos, with the completion and eos in the loss;
 * - messages: as the chat template renders them, with the assistant's turns in the loss; without a template, as the prompt and the
 *   completion that stand for them, if there are any;
 * - token ids: used unchanged, with their labels, or all in the loss.
 *
 * @throws EspalierError DATA_TOKENIZER_MISSING, DATA_TOKEN_OUT_OF_RANGE, DATA_ROW_INVALID, CHAT_TEMPLATE_UNSTABLE
 */
export function encodeRow(row: Row, place: RowPlace, { tokenizer, vocabSize }: EncodeRowOptions): WholeExample {
  const example = row.kind === 'tokens' ? exampleOfTokens(row) : encodeWords(row, place, tokenizer);
  checkRange('input_ids', example.inputIds, vocabSize, place);
  if (row.kind === 'tokens') checkRange('labels', example.labels, vocabSize, place);
  return example;
}

type WordsRow = Exclude<Row, TokensRow>;

const kindNames = { text: 'text', completion: 'a prompt and a completion', messages: 'messages' } as const;

function encodeWords(row: WordsRow, place: RowPlace, tokenizer: Tokenizer | undefined): WholeExample {
  if (tokenizer === undefined) {
    throw new EspalierError('DATA_TOKENIZER_MISSING', { ...place, kind: kindNames[row.kind] });
  }
  switch (row.kind) {
    case 'text': {
      const inputIds = Int32Array.from(tokenizer.encode(row.text, { bos: true, eos: true }));
      return { inputIds, labels: inputIds.slice() };
    }
    case 'completion':
      return encodeCompletion(row, tokenizer);
    case 'messages':
      return encodeMessages(row, place, tokenizer);
  }
}

/**
 * WHY both are encoded as one text: the tokens at the border are then those that a model sees in running text. A token across the
 * border belongs to the completion.
 */
function encodeCompletion({ prompt, completion }: Omit<CompletionRow, 'kind'>, tokenizer: Tokenizer): Example {
  const before = tokenizer.encode(prompt, { bos: true });
  const whole = tokenizer.encode(prompt + completion, { bos: true, eos: true });
  const inputIds = Int32Array.from(whole);
  const labels = inputIds.slice().fill(ignoredLabel, 0, sharedLength(before, whole));
  return { inputIds, labels };
}

function encodeMessages(row: MessagesRow, place: RowPlace, tokenizer: Tokenizer): WholeExample {
  if (!tokenizer.hasChatTemplate && row.plain !== undefined) return encodeCompletion(row.plain, tokenizer);
  try {
    const isLearned = (index: number): boolean => row.learned?.[index] !== false;
    const fitted = orThrow(fitToTemplate(row, tokenizer, { isLearned }), place);
    return maskChat(fitted.messages, tokenizer, place, {
      tools: fitted.tools,
      variables: row.variables,
      isLearned,
    });
  } catch (cause) {
    if (
      !EspalierError.isInstance(cause) ||
      !cause.code.startsWith('CHAT_TEMPLATE_') ||
      cause.code === 'CHAT_TEMPLATE_UNSTABLE'
    )
      throw cause;
    throw invalid(place, cause.message, cause);
  }
}

function exampleOfTokens({ inputIds, labels }: TokensRow): Example {
  return { inputIds: Int32Array.from(inputIds), labels: Int32Array.from(labels ?? inputIds) };
}

function checkRange(field: string, ids: Int32Array, vocabSize: number, place: RowPlace): void {
  for (const [index, id] of ids.entries()) {
    if ((id >= 0 && id < vocabSize) || (field === 'labels' && id === ignoredLabel)) continue;
    throw new EspalierError('DATA_TOKEN_OUT_OF_RANGE', { ...place, field, index, id, last: vocabSize - 1 });
  }
}
