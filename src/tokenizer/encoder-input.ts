import type { Range } from './range.ts';
import type { FilledTemplate } from './post-processor.ts';

/** A text, or a pair of texts, as an encoder reads it. */
export interface EncoderInput {
  /** The ids, including the tokens that the tokenizer adds around texts, such as [CLS] and [SEP]. */
  readonly ids: readonly number[];
  /** One number for each id: 1 for the tokens of the second text if the tokenizer has token types, else 0. */
  readonly typeIds: readonly number[];
  /** For each id the range of its text that it comes from, if that is asked for; see `EncodedWithOffsets`. */
  readonly offsets?: readonly Range[];
  /** Whether a text was cut to fit. */
  readonly cut: boolean;
}

export interface EncoderInputOptions {
  /** A second text, read together with the first. */
  readonly pair?: string | undefined;
  /** The maximum number of tokens. A longer input loses the end of its longer text, never the added tokens. */
  readonly maxLength?: number | undefined;
  /** Returns the offsets of the tokens too. Default: false. */
  readonly offsets?: boolean | undefined;
}

/** Encodes one text or a pair, with or without the added tokens. */
export type EncodeWhole = (
  text: string,
  options: { readonly pair?: string | undefined; readonly special: boolean; readonly offsets?: boolean },
) => FilledTemplate;

/** @returns at most `maxLength` tokens, unless the added tokens alone are more */
export function encodeForEncoder(
  encode: EncodeWhole,
  text: string,
  { pair, maxLength = Infinity, offsets = false }: EncoderInputOptions,
): EncoderInput {
  const whole = encode(text, { pair, special: true, offsets });
  const { ids, typeIds } = whole;
  if (ids.length <= maxLength) return { ids, typeIds, ...(offsets && { offsets: whole.offsets ?? [] }), cut: false };
  const first = placeOf(ids, encode(text, { special: false }).ids, 0);
  const second = pair === undefined ? none : placeOf(ids, encode(pair, { special: false }).ids, first.end);
  const left = lengthsWithin(first.end - first.start, second.end - second.start, ids.length - maxLength);
  const kept = (_: unknown, at: number): boolean =>
    !(at >= first.start + left.first && at < first.end) && !(at >= second.start + left.second && at < second.end);
  return {
    ids: ids.filter(kept),
    typeIds: typeIds.filter(kept),
    ...(offsets && { offsets: (whole.offsets ?? []).filter(kept) }),
    cut: true,
  };
}

interface Place {
  readonly start: number;
  readonly end: number;
}

const none: Place = { start: 0, end: 0 };

/**
 * Finds the range of the tokens of a text among all tokens. If they differ there from the tokens of the text alone, the range extends
 * to the end.
 */
function placeOf(ids: readonly number[], part: readonly number[], from: number): Place {
  if (part.length === 0) return { start: from, end: from };
  for (let start = from; start + part.length <= ids.length; start++) {
    if (part.every((id, i) => ids[start + i] === id)) return { start, end: start + part.length };
  }
  return { start: from, end: ids.length };
}

/** Shortens two lengths to a total by removing one token at a time from the longer one. */
function lengthsWithin(first: number, second: number, tooMany: number): { first: number; second: number } {
  const [longer, shorter] = first >= second ? [first, second] : [second, first];
  const alone = Math.min(tooMany, longer - shorter);
  const both = tooMany - alone;
  const left = { longer: longer - alone - Math.ceil(both / 2), shorter: shorter - Math.floor(both / 2) };
  const [keptLonger, keptShorter] = [Math.max(0, left.longer), Math.max(0, left.shorter)];
  return first >= second ? { first: keptLonger, second: keptShorter } : { first: keptShorter, second: keptLonger };
}
