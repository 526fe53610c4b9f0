/** A text, or a pair of texts, as an encoder reads it. */
export interface EncoderInput {
  /** With what the tokenizer puts around texts: [CLS] and [SEP], `<s>` and `</s>`. */
  readonly ids: readonly number[];
  /** As many: 1 for the tokens of the second text where the tokenizer tells segments apart, else 0. */
  readonly typeIds: readonly number[];
  /** Whether a text was cut to fit. */
  readonly cut: boolean;
}

export interface EncoderInputOptions {
  /** A second text, read together with the first. */
  readonly pair?: string | undefined;
  /** The most tokens; the end of the longer text is left out then, never what stands around the texts. */
  readonly maxLength?: number | undefined;
}

/** Encodes one text or a pair: with what stands around them, or without. */
export type EncodeWhole = (
  text: string,
  options: { readonly pair?: string | undefined; readonly special: boolean },
) => { readonly ids: readonly number[]; readonly typeIds: readonly number[] };

/** @returns at most `maxLength` tokens, unless what stands around the texts alone is longer */
export function encodeForEncoder(
  encode: EncodeWhole,
  text: string,
  { pair, maxLength = Infinity }: EncoderInputOptions,
): EncoderInput {
  const { ids, typeIds } = encode(text, { pair, special: true });
  if (ids.length <= maxLength) return { ids, typeIds, cut: false };
  const first = placeOf(ids, encode(text, { special: false }).ids, 0);
  const second = pair === undefined ? none : placeOf(ids, encode(pair, { special: false }).ids, first.end);
  const left = lengthsWithin(first.end - first.start, second.end - second.start, ids.length - maxLength);
  const kept = (_: number, at: number): boolean =>
    !(at >= first.start + left.first && at < first.end) && !(at >= second.start + left.second && at < second.end);
  return { ids: ids.filter(kept), typeIds: typeIds.filter(kept), cut: true };
}

interface Place {
  readonly start: number;
  readonly end: number;
}

const none: Place = { start: 0, end: 0 };

/** Where a text's own tokens stand among all; all from there on where they do not stand there as they are alone. */
function placeOf(ids: readonly number[], part: readonly number[], from: number): Place {
  if (part.length === 0) return { start: from, end: from };
  for (let start = from; start + part.length <= ids.length; start++) {
    if (part.every((id, i) => ids[start + i] === id)) return { start, end: start + part.length };
  }
  return { start: from, end: ids.length };
}

/** How much is left of two lengths when the longer one loses a token as long as there are too many. */
function lengthsWithin(first: number, second: number, tooMany: number): { first: number; second: number } {
  const [longer, shorter] = first >= second ? [first, second] : [second, first];
  const alone = Math.min(tooMany, longer - shorter);
  const both = tooMany - alone;
  const left = { longer: longer - alone - Math.ceil(both / 2), shorter: shorter - Math.floor(both / 2) };
  const [keptLonger, keptShorter] = [Math.max(0, left.longer), Math.max(0, left.shorter)];
  return first >= second ? { first: keptLonger, second: keptShorter } : { first: keptShorter, second: keptLonger };
}
