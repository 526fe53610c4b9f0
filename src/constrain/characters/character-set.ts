import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import { normalRanges, type Range, rangesInBoth } from '../automaton/symbol-set.ts';

/** A set of characters of Unicode, as ranges of code points in order. */
export type CharacterSet = readonly Range[];

const last = 0x10ffff;

/** All characters. Halves of surrogate pairs are none. */
export const allCharacters: CharacterSet = [
  [0, 0xd7ff],
  [0xe000, last],
];

export function setOf(...characters: readonly (string | Range)[]): CharacterSet {
  const ranges = characters.map((one): Range => (typeof one === 'string' ? [code(one), code(one)] : one));
  return normalRanges(ranges);
}

/** From the first character to the last, both included. */
export function between(first: string, end: string): Range {
  return [code(first), code(end)];
}

export function union(...sets: readonly CharacterSet[]): CharacterSet {
  return normalRanges(sets.flat());
}

export function intersection(one: CharacterSet, other: CharacterSet): CharacterSet {
  return rangesInBoth(one, other);
}

/** All characters that a set does not have. */
export function complement(set: CharacterSet): CharacterSet {
  const gaps: Range[] = [];
  let from = 0;
  for (const [first, end] of normalRanges(set)) {
    if (from < first) gaps.push([from, first - 1]);
    from = end + 1;
  }
  if (from <= last) gaps.push([from, last]);
  return intersection(gaps, allCharacters);
}

export function without(set: CharacterSet, removed: CharacterSet): CharacterSet {
  return intersection(set, complement(removed));
}

/** One character of a set, in UTF-8. */
export function oneOf(set: CharacterSet, expressions: Expressions): Expression {
  const sequences = intersection(set, allCharacters).flatMap(([first, end]) => byteRanges(first, end));
  return bytesOneByOne(sequences, expressions);
}

/**
 * WHY by the first byte: a text is then at one place in the set, whatever its bytes, and not at one for each of a thousand ranges.
 * First bytes are taken together where no range begins or ends between them.
 */
function bytesOneByOne(sequences: readonly (readonly Range[])[], expressions: Expressions): Expression {
  const starts = new Set(sequences.flatMap(([first]) => (first === undefined ? [] : [first[0], first[1] + 1])));
  const cuts = [...starts].toSorted((a, b) => a - b);
  const byRest = new Map<Expression, Range[]>();
  for (const [index, from] of cuts.entries()) {
    const next = cuts[index + 1];
    if (next === undefined) break;
    const here = sequences.filter(([first]) => first !== undefined && first[0] <= from && from <= first[1]);
    if (here.length === 0) continue;
    const rests = here.map(([, ...rest]) => rest).filter(({ length }) => length > 0);
    const rest = rests.length === 0 ? expressions.nothing : bytesOneByOne(rests, expressions);
    byRest.set(rest, [...(byRest.get(rest) ?? []), [from, next - 1]]);
  }
  const options = Array.from(byRest, ([rest, bytes]) => expressions.sequence(expressions.byte(...bytes), rest));
  return expressions.choice(...options);
}

/** Last code points of each length in UTF-8. */
const lengths = [0x7f, 0x7ff, 0xffff, last];

/** The bytes of a range of code points, as sequences of ranges. */
function byteRanges(first: number, end: number): Range[][] {
  for (const longest of lengths) {
    if (first <= longest && longest < end) return [...byteRanges(first, longest), ...byteRanges(longest + 1, end)];
  }
  if (end <= 0x7f) return [[[first, end]]];
  // Ranges in which the last bytes take all their values are one sequence.
  for (let bits = 6; bits < 24; bits += 6) {
    const mask = (1 << bits) - 1;
    if ((first & ~mask) === (end & ~mask)) continue;
    if ((first & mask) !== 0) return [...byteRanges(first, first | mask), ...byteRanges((first | mask) + 1, end)];
    if ((end & mask) !== mask) return [...byteRanges(first, (end & ~mask) - 1), ...byteRanges(end & ~mask, end)];
  }
  const [from, to] = [bytesOf(first), bytesOf(end)];
  return [from.map((byte, at): Range => [byte, to[at] ?? byte])];
}

function bytesOf(character: number): number[] {
  return [...new TextEncoder().encode(String.fromCodePoint(character))];
}

function code(character: string): number {
  return character.codePointAt(0) ?? 0;
}
