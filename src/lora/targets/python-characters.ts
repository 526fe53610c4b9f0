/** The flags of Python's `re` that are in force at a place of a pattern. */
export interface PatternFlags {
  readonly ignoreCase: boolean;
  readonly ascii: boolean;
  readonly dotAll: boolean;
  readonly multiline: boolean;
  readonly verbose: boolean;
}

/**
 * Python's classes of characters in JavaScript's `v` mode. \w is `str.isalnum` or "_", \d is `str.isdecimal`, \s is `str.isspace`.
 * WHY in full: JavaScript's own \w, \d and \s are others.
 */
const unicodeClasses: Readonly<Record<string, string>> = {
  w: '[\\p{L}\\p{N}_]',
  d: '\\p{Nd}',
  s: '[\\t-\\r\\u{1c}-\\u{20}\\u{85}\\u{a0}\\u{1680}\\u{2000}-\\u{200a}\\u{2028}\\u{2029}\\u{202f}\\u{205f}\\u{3000}]',
};
const asciiClasses: Readonly<Record<string, string>> = { w: '[a-zA-Z0-9_]', d: '[0-9]', s: '[\\t-\\r\\u{20}]' };

/** \w, \d, \s and their complements, inside and outside of a set; undefined for other letters. */
export function classOf(letter: string, { ascii }: PatternFlags): string | undefined {
  const inner = (ascii ? asciiClasses : unicodeClasses)[letter.toLowerCase()];
  if (inner === undefined) return undefined;
  return letter === letter.toLowerCase() ? inner : `[^${inner}]`;
}

/** \b, or \B. */
export function boundaryOf(letter: 'b' | 'B', flags: PatternFlags): string {
  const word = classOf('w', flags) ?? '';
  const [same, other] = letter === 'b' ? ['!', '='] : ['=', '!'];
  return `(?:(?<=${word})(?${same}${word})|(?<!${word})(?${other}${word}))`;
}

/** Letters beyond ASCII that Python takes for an ASCII letter where case is ignored. */
const farCases: Readonly<Record<string, readonly number[]>> = { i: [0x130, 0x131], k: [0x212a], s: [0x17f] };

/** The characters that a letter stands for where case is ignored; the letter alone if it has no case. */
function casesOf(code: number, { ascii }: PatternFlags): readonly number[] {
  const letter = String.fromCodePoint(code);
  const [lower, upper] = [letter.toLowerCase(), letter.toUpperCase()];
  if (lower === upper) return [code];
  if (code > 0x7f) {
    if (ascii) return [code];
    throw new SyntaxError(`Espalier cannot ignore the case of "${letter}", which is beyond ASCII`);
  }
  return [lower.charCodeAt(0), upper.charCodeAt(0), ...(ascii ? [] : (farCases[lower] ?? []))];
}

/** One character of a pattern. */
export function literalOf(code: number, flags: PatternFlags): string {
  if (!flags.ignoreCase) return written(code);
  const cases = casesOf(code, flags);
  return cases.length === 1 ? written(code) : `[${cases.map(written).join('')}]`;
}

/** A range of characters inside of a set; also a single one. */
export function rangeOf(from: number, to: number, flags: PatternFlags): string {
  const range = from === to ? written(from) : `${written(from)}-${written(to)}`;
  if (!flags.ignoreCase) return range;
  if (to > 0x7f && from !== to && !flags.ascii) {
    throw new SyntaxError('Espalier cannot ignore the case of a range that reaches beyond ASCII');
  }
  const others: string[] = [];
  for (let code = from; code <= Math.min(to, Math.max(from, 0x7f)); code++) {
    others.push(
      ...casesOf(code, flags)
        .filter((each) => each < from || each > to)
        .map(written),
    );
  }
  return range + others.join('');
}

/** WHY as a number unless a letter or digit: no character then has a meaning of its own. */
function written(code: number): string {
  const letter = String.fromCodePoint(code);
  return /^[a-zA-Z0-9_]$/.test(letter) ? letter : `\\u{${code.toString(16)}}`;
}
