import { describeValue, isFields, type Fields } from '../../chat/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import {
  classOf,
  encodeUnlabelledTokens,
  unknownFields,
  type EncodedRow,
  type LabelledRowOptions,
} from './encode-labelled-row.ts';
import { invalid, type RowPlace } from './row.ts';

/** The label of tokens that do not count, as in transformers. */
const ignored = -100;

/** The fields with the label of each word; the second is what data sets of names call it. */
const labelFields = ['labels', 'ner_tags'];
const known = ['tokens', 'input_ids', 'token_type_ids', 'attention_mask', 'id', ...labelFields];

/**
 * Converts a row with a label for each of its words or tokens:
 *
 * - `tokens`, a list of words, with `labels` (or `ner_tags`): one for each word. The words are joined by spaces. The first token of a
 *   word gets its label, and the others do not count;
 * - `input_ids`, optionally with `token_type_ids`, with `labels`: one for each token, -100 for those that do not count.
 *
 * A label is a number or a name of a class.
 *
 * @throws EspalierError DATA_ROW_INVALID, DATA_TOKENIZER_MISSING, DATA_TOKEN_OUT_OF_RANGE
 */
export function encodeTokenRow(row: unknown, place: RowPlace, options: LabelledRowOptions): EncodedRow {
  if (!isFields(row)) throw invalid(place, `expected a JSON object, got ${describeValue(row)}.`);
  const unknown = unknownFields(row, place, known);
  const keys = labelFields.filter((key) => key in row);
  const [key] = keys;
  if (key === undefined || keys.length > 1)
    throw invalid(place, 'a row for this base has "labels", one for each word or token.');
  const given: unknown = row[key];
  if (!Array.isArray(given)) throw invalid(place, `"${key}" must be a list of labels, got ${describeValue(given)}.`);
  const labels = given.map((label: unknown) => (label === ignored ? ignored : classOf(label, place, options)));
  const { example, cut } =
    'tokens' in row ? ofWords(row, place, { ...options, labels }) : ofTokens(row, place, { ...options, labels });
  if (example.target.kind === 'tokens' && example.target.indices.every((index) => index === ignored)) {
    throw invalid(place, 'none of its tokens has a label that counts, so nothing is learned from it.');
  }
  return { example, cut, unknown };
}

type WithLabels = LabelledRowOptions & { readonly labels: readonly number[] };
type Encoded = Pick<EncodedRow, 'example' | 'cut'>;

function ofTokens(row: Fields, place: RowPlace, { labels, ...options }: WithLabels): Encoded {
  if (!('input_ids' in row)) throw invalid(place, 'a row for this base has "tokens", a list of words, or "input_ids".');
  const { cut, ...tokens } = encodeUnlabelledTokens(row, place, options);
  const given: unknown = row['input_ids'];
  const count = Array.isArray(given) ? given.length : 0;
  if (labels.length !== count)
    throw invalid(place, `it has ${labels.length} labels for ${count} input_ids. Give one a token.`);
  const indices = Int32Array.from(labels.slice(0, tokens.inputIds.length));
  return { example: { kind: 'tokens', ...tokens, target: { kind: 'tokens', indices } }, cut };
}

function ofWords(row: Fields, place: RowPlace, { labels, tokenizer, maxLength }: WithLabels): Encoded {
  const words = row['tokens'];
  if (!Array.isArray(words) || words.length === 0 || words.some((word) => typeof word !== 'string')) {
    throw invalid(place, `"tokens" must be a list of words, got ${describeValue(words)}.`);
  }
  if (words.length !== labels.length) {
    throw invalid(place, `it has ${labels.length} labels for ${words.length} tokens. Give one a word.`);
  }
  if (tokenizer === undefined) throw new EspalierError('DATA_TOKENIZER_MISSING', { ...place, kind: 'tokens' });
  const { ids, typeIds, offsets, cut } = encodeWords(tokenizer, words.map(String), maxLength);
  const indices = labelsOfTokens(words.map(String), offsets, labels);
  const segments = typeIds.some((type) => type !== 0) ? Int32Array.from(typeIds) : undefined;
  const example = { kind: 'tokens', inputIds: Int32Array.from(ids), typeIds: segments } as const;
  return { example: { ...example, target: { kind: 'tokens', indices } }, cut };
}

interface EncodedWords {
  readonly ids: readonly number[];
  readonly typeIds: readonly number[];
  readonly offsets: readonly { readonly start: number; readonly end: number }[];
  readonly cut: boolean;
}

function encodeWords(tokenizer: Tokenizer, words: readonly string[], maxLength: number): EncodedWords {
  const { offsets = [], ...encoded } = tokenizer.encodeForEncoder(words.join(' '), { maxLength, offsets: true });
  return { ...encoded, offsets };
}

/** The label of each token: that of a word for its first token, -100 for the others. */
function labelsOfTokens(
  words: readonly string[],
  offsets: EncodedWords['offsets'],
  labels: readonly number[],
): Int32Array {
  const starts: number[] = [];
  let at = 0;
  for (const word of words) {
    starts.push(at);
    at += word.length + 1;
  }
  let word = -1;
  const indices = Int32Array.from(offsets, () => ignored);
  for (const [token, { start, end }] of offsets.entries()) {
    if (end <= start) continue;
    // A token may begin with the space before its word.
    const own = starts.findIndex((first, i) => i > word && first < end && first + (words[i]?.length ?? 0) > start);
    if (own < 0) continue;
    word = own;
    indices[token] = labels[own] ?? ignored;
  }
  return indices;
}
