import type { Range } from './range.ts';
import { sharedLength } from './shared-length.ts';

/** A text as token ids, with ranges of the text as ranges of the ids. */
export interface EncodedRanges {
  readonly ids: number[];
  readonly ranges: readonly Range[];
}

/** An added token in a text, before which encoding can begin: what lies between two added tokens is encoded by itself. */
export interface Cut extends Range {
  /** Its place among the ids. */
  readonly index: number;
}

export interface EncodeRangesOptions {
  /** Encodes a text, and says where its added tokens are. */
  readonly encode: (text: string) => { readonly ids: number[]; readonly cuts: readonly Cut[] };
  /** What is done to the ids of a text that begins with the text's beginning. */
  readonly tidy: (ids: number[]) => number[];
}

/**
 * Encodes a text once, as a whole, and finds the tokens of ranges of it. A token across the border of a range is part of the range.
 *
 * A border lies where the ids of the text and the ids of its beginning up to the border, encoded by itself, differ first. The beginning
 * is not encoded again from its start: the ids before the last added token are those of the whole text, and only what follows it is encoded
 * again.
 *
 * @param ranges  in UTF-16 units of the text
 */
export function encodeRanges(text: string, ranges: readonly Range[], options: EncodeRangesOptions): EncodedRanges {
  const { encode, tidy } = options;
  const { ids: raw, cuts } = encode(text);
  const ids = tidy(raw);
  const removed = raw.length - ids.length;
  const beginning = (end: number): Beginning => {
    // WHY not a cut at the beginning: what begins a text may be encoded differently.
    const cut = cuts.findLast((each) => each.end <= end && each.index > 0);
    const known = cut === undefined ? 0 : cut.index - removed;
    const rest = cut === undefined ? tidy(encode(text.slice(0, end)).ids) : encode(text.slice(cut.start, end)).ids;
    const shared = known + sharedLength(rest, ids, known);
    return { shared, isCut: shared < known + rest.length };
  };
  const found = ranges.map(({ start, end }) => {
    const last = beginning(end);
    return { start: beginning(start).shared, end: last.isCut ? last.shared + 1 : last.shared };
  });
  return { ids, ranges: found };
}

/** A beginning of the text. */
interface Beginning {
  /** How many ids it has in common with the text. */
  readonly shared: number;
  /** Whether its last ids are others than those of the text. */
  readonly isCut: boolean;
}
