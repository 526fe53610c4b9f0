import type { Range } from './range.ts';
import { byteLevelCharacter } from './byte-level.ts';
import { after } from './text/aligned-text.ts';

/** Says that the ranges of byte-level tokens leave out the spaces of the tokens. */
export interface Trimming {
  /** A single space before the first token counts as put there, so that its range stays. */
  readonly addsSpace: boolean;
}

/**
 * Takes the spaces of tokens out of their ranges, as the library's byte-level post-processor does: a character of the text for each space
 * of a token, whatever the character is.
 *
 * @param written  the tokens as the vocabulary writes them
 */
export function trimRanges(
  text: string,
  located: { readonly ranges: readonly Range[]; readonly written: readonly string[] },
  { addsSpace }: Trimming,
): Range[] {
  return located.ranges.map((range, i) => {
    const spaces = spacesOf(located.written[i] ?? '');
    const isAdded = addsSpace && spaces.before === 1 && (i === 0 || range.start === 0);
    const start = isAdded ? range.start : Math.min(forwards(text, range.start, spaces.before), range.end);
    return { start, end: Math.max(backwards(text, range.end, spaces.after), start) };
  });
}

const space = byteLevelCharacter(0x20);
const before = new RegExp(`^[${space}\\p{White_Space}]*`, 'u');
const behind = new RegExp(`(?<![${space}\\p{White_Space}])[${space}\\p{White_Space}]+$`, 'u');

function spacesOf(token: string): { before: number; after: number } {
  return { before: before.exec(token)?.[0].length ?? 0, after: behind.exec(token)?.[0].length ?? 0 };
}

function forwards(text: string, from: number, characters: number): number {
  let at = from;
  for (let left = characters; left > 0 && at < text.length; left--) at = after(text, at);
  return at;
}

/** Stays where it is if there are not so many characters. */
function backwards(text: string, from: number, characters: number): number {
  let at = from;
  for (let left = characters; left > 0; left--) {
    if (at === 0) return from;
    at -= at > 1 && (text.codePointAt(at - 2) ?? 0) > 0xffff ? 2 : 1;
  }
  return at;
}
