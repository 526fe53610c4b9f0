/** A range of symbols, both ends included. */
export type Range = readonly [first: number, last: number];

/**
 * A set of the symbols that an answer consists of: the bytes 0 to 255 of its text, and from 256 special tokens. The automaton numbers the
 * classes of symbols that no set tells apart, and a set then says which classes it holds.
 */
export interface SymbolSet {
  readonly index: number;
  readonly ranges: readonly Range[];
  /** For each class whether the set holds it; empty until the form is complete. */
  classes: Uint8Array;
}

/** Sorts ranges and joins those that touch. */
export function normalRanges(ranges: readonly Range[]): Range[] {
  const joined: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return joined;
}

/** What two lists of ranges have in common; both are in order, and their ranges do not touch. */
export function rangesInBoth(one: readonly Range[], other: readonly Range[]): Range[] {
  const common: Range[] = [];
  let [i, j] = [0, 0];
  for (let [a, b] = [one[0], other[0]]; a !== undefined && b !== undefined; [a, b] = [one[i], other[j]]) {
    const [from, to] = [Math.max(a[0], b[0]), Math.min(a[1], b[1])];
    if (from <= to) common.push([from, to]);
    if (a[1] < b[1]) i++;
    else j++;
  }
  return common;
}

/** @param symbols  how many symbols there are */
export function classify(sets: readonly SymbolSet[], symbols: number): Uint16Array {
  const signatures = Array.from({ length: symbols }, () => '');
  for (const [index, { ranges }] of sets.entries()) {
    const mark = `${index},`;
    for (const [first, last] of ranges) for (let symbol = first; symbol <= last; symbol++) signatures[symbol] += mark;
  }
  const numbers = new Map<string, number>();
  const classOf = Uint16Array.from(signatures, (signature) => {
    const number = numbers.get(signature) ?? numbers.size;
    numbers.set(signature, number);
    return number;
  });
  for (const set of sets) {
    set.classes = new Uint8Array(numbers.size);
    for (const [first, last] of set.ranges) {
      for (let symbol = first; symbol <= last; symbol++) set.classes[classOf[symbol] ?? 0] = 1;
    }
  }
  return classOf;
}
