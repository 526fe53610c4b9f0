/** White space as Python's `str.strip` and `\s` know it; JavaScript's `\s` differs in U+001C to U+001F, U+0085 and U+FEFF. */
export const spaces = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const space = new RegExp(`^[${spaces}]$`);

export function isSpace(character: string): boolean {
  return space.test(character);
}

/** The characters of a text as Python counts them: code points. */
export function characters(text: string): string[] {
  return isNarrow(text) ? text.split('') : Array.from(text);
}

/** Whether every character is one UTF-16 unit, so that indexes need no conversion. */
export function isNarrow(text: string): boolean {
  return !/[\ud800-\udfff]/.test(text);
}

/** `len(text)` */
export function lengthOf(text: string): number {
  if (isNarrow(text)) return text.length;
  let count = 0;
  for (let i = 0; i < text.length; count += 1) i += (text.codePointAt(i) ?? 0) > 0xffff ? 2 : 1;
  return count;
}

/** The UTF-16 index of a character. */
export function unitIndex(text: string, index: number): number {
  if (isNarrow(text)) return Math.min(index, text.length);
  let at = 0;
  for (let i = 0; i < index && at < text.length; i += 1) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return at;
}

/** The index of the character that begins at a UTF-16 index. */
export function characterIndex(text: string, unit: number): number {
  return lengthOf(text.slice(0, unit));
}

export interface Sides {
  readonly left: boolean;
  readonly right: boolean;
}

/** `strip`, `lstrip` and `rstrip`: takes white space off the ends, or any of `letters`. */
export function strip(text: string, letters: string | undefined, { left, right }: Sides): string {
  const parts = letters === undefined ? text : characters(text);
  const set = letters === undefined ? undefined : new Set(characters(letters));
  const goes = (index: number): boolean => {
    const one = parts[index] ?? '';
    return set === undefined ? isSpace(one) : set.has(one);
  };
  let start = 0;
  let end = parts.length;
  if (left) while (start < end && goes(start)) start += 1;
  if (right) while (end > start && goes(end - 1)) end -= 1;
  return typeof parts === 'string' ? parts.slice(start, end) : parts.slice(start, end).join('');
}

/** `splitlines` */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  // eslint-disable-next-line no-control-regex
  const lineEnd = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;
  let start = 0;
  for (let found = lineEnd.exec(text); found !== null; found = lineEnd.exec(text)) {
    lines.push(text.slice(start, keepEnds ? lineEnd.lastIndex : found.index));
    start = lineEnd.lastIndex;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** `split` and `rsplit` without a separator: at runs of white space, `most` times at most. */
export function splitAtSpaces(text: string, most: number, fromRight: boolean): string[] {
  const words: string[] = [];
  const sides = fromRight ? { left: false, right: true } : { left: true, right: false };
  let rest = strip(text, undefined, sides);
  while (rest !== '' && (most < 0 || words.length < most)) {
    const at = fromRight ? lastSpace(rest) : firstSpace(rest);
    if (at < 0) break;
    words.push(fromRight ? rest.slice(at + 1) : rest.slice(0, at));
    rest = strip(fromRight ? rest.slice(0, at) : rest.slice(at), undefined, sides);
  }
  if (rest !== '') words.push(rest);
  return fromRight ? words.reverse() : words;
}

function firstSpace(text: string): number {
  for (let i = 0; i < text.length; i += 1) if (isSpace(text.charAt(i))) return i;
  return -1;
}

function lastSpace(text: string): number {
  for (let i = text.length - 1; i >= 0; i -= 1) if (isSpace(text.charAt(i))) return i;
  return -1;
}

/** `split` and `rsplit` with a separator. */
export function splitAt(text: string, separator: string, most: number, fromRight: boolean): string[] {
  if (most < 0) return text.split(separator);
  const parts: string[] = [];
  let rest = text;
  while (parts.length < most) {
    const at = fromRight ? rest.lastIndexOf(separator) : rest.indexOf(separator);
    if (at < 0) break;
    parts.push(fromRight ? rest.slice(at + separator.length) : rest.slice(0, at));
    rest = fromRight ? rest.slice(0, at) : rest.slice(at + separator.length);
  }
  parts.push(rest);
  return fromRight ? parts.reverse() : parts;
}

/** How often `sought` occurs, without overlaps. */
export function countOf(text: string, sought: string): number {
  if (sought === '') return lengthOf(text) + 1;
  let count = 0;
  for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + sought.length)) count += 1;
  return count;
}

/** `replace`: the first `most` times, or always where `most` is negative. */
export function replace(text: string, old: string, now: string, most: number): string {
  if (old === '') {
    const parts = ['', ...characters(text)];
    return parts.map((part, i) => part + (most < 0 || i < most ? now : '')).join('');
  }
  if (most < 0) return text.split(old).join(now);
  return splitAt(text, old, most, false).join(now);
}

const cased = /^\p{Cased}$/u;

/** Two letters in one, such as "ǆ", each as it begins a word. */
const digraphs = new Map(
  ['ǅ', 'ǈ', 'ǋ', 'ǲ'].flatMap((one) => [
    [one.toUpperCase(), one],
    [one.toLowerCase(), one],
  ]),
);

/** Letters that begin a word as they are: those of title case, and Georgian ones, whose capitals are for whole words only. */
const initial = /^[\p{Lt}\u10d0-\u10ff]$/u;

/** Greek vowels with an iota, which stays below the capital where it begins a word. */
const iota = /^[\u1f80-\u1fff]$/u;

/** The letter as it begins a word: "ß" gives "Ss". What has no case before the first letter stays, so "ŉ" gives "ʼN". */
function titleLetter(letter: string): string {
  const digraph = digraphs.get(letter);
  if (digraph !== undefined || initial.test(letter)) return digraph ?? letter;
  const capital = letter.toUpperCase();
  if (iota.test(letter) && /.\u0399$/u.test(capital)) {
    const lower = `${capital.slice(0, -1)}\u0345`;
    return capital.length === 2 ? lower.normalize('NFC') : lower;
  }
  const upper = characters(capital);
  const first = upper.findIndex((one) => cased.test(one));
  return upper.map((one, index) => (index > first ? one.toLowerCase() : one)).join('');
}

/** `str.title` */
export function titleCase(text: string): string {
  let insideWord = false;
  return characters(text)
    .map((letter) => {
      const made = insideWord ? letter.toLowerCase() : titleLetter(letter);
      insideWord = cased.test(letter);
      return made;
    })
    .join('');
}

/** `str.capitalize` */
export function capitalize(text: string): string {
  const [first = '', ...rest] = characters(text);
  return titleLetter(first) + rest.join('').toLowerCase();
}

/** `str.swapcase` */
export function swapCase(text: string): string {
  return characters(text)
    .map((letter) => {
      if (/^\p{Uppercase}$/u.test(letter)) return letter.toLowerCase();
      return /^\p{Lowercase}$/u.test(letter) ? letter.toUpperCase() : letter;
    })
    .join('');
}

/** `expandtabs` */
export function expandTabs(text: string, size: number): string {
  let column = 0;
  return characters(text)
    .map((letter) => {
      if (letter === '\t') {
        const width = size <= 0 ? 0 : size - (column % size);
        column += width;
        return ' '.repeat(width);
      }
      column = letter === '\n' || letter === '\r' ? 0 : column + 1;
      return letter;
    })
    .join('');
}
