import type { AddedTokenFinder, FoundToken } from './added-token-finder.ts';
import { sharedLength } from './shared-length.ts';

/** From a place up to, not including, another. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A text as token ids, with ranges of the text as ranges of the ids. */
export interface EncodedRanges {
  readonly ids: number[];
  readonly ranges: readonly Range[];
}

export interface EncodeRangesOptions {
  readonly encode: (text: string) => number[];
  /** What is done to the ids of a text that begins with the text's beginning. */
  readonly tidy: (ids: number[]) => number[];
  readonly added: AddedTokenFinder;
}

/**
 * Encodes a text once, as a whole, and finds the tokens of ranges of it. A token across the border of a range is part of the range.
 *
 * A border lies where the ids of the text and the ids of its beginning up to the border, encoded by itself, differ first. The beginning
 * is not encoded again from its start: what lies between two added tokens is encoded by itself, whatever lies around it. So the ids before
 * the last added token are those of the whole text, and only what follows it is encoded again.
 *
 * @param ranges  in UTF-16 units of the text
 */
export function encodeRanges(text: string, ranges: readonly Range[], options: EncodeRangesOptions): EncodedRanges {
  const { encode, tidy, added } = options;
  const raw = encode(text);
  const cuts = findCuts(added.find(text), raw, added.ids);
  const ids = tidy(raw);
  const removed = raw.length - ids.length;
  const beginning = (end: number): Beginning => {
    const cut = cuts.findLast((each) => each.end <= end);
    const known = cut === undefined ? 0 : cut.index - removed;
    const rest = cut === undefined ? tidy(encode(text.slice(0, end))) : encode(text.slice(cut.start, end));
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

/** An added token in the text, before which encoding can begin. */
interface Cut extends FoundToken {
  /** Its place among the ids. Above 0: what begins a text may be encoded differently. */
  readonly index: number;
}

/**
 * The added tokens before which the text can be cut. There are none where the ids do not hold exactly the added tokens that were found in
 * the text: some tokens take white space with them that lies beside them, and that may be a token too.
 */
function findCuts(found: readonly FoundToken[], ids: readonly number[], added: ReadonlySet<number>): readonly Cut[] {
  const cuts: Cut[] = [];
  let at = 0;
  for (const [index, id] of ids.entries()) {
    if (!added.has(id)) continue;
    const place = found[at++];
    if (place?.token.id !== id) return [];
    if (index > 0) cuts.push({ ...place, index });
  }
  return at === found.length ? cuts : [];
}
