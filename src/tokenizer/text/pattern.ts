import { messageOf } from '../../core/index.ts';
import { BoundedPattern, freeLength } from './bounded-pattern.ts';
import { folding, foldedSet, literal } from './pattern-characters.ts';
import { checkPatternTime } from './pattern-time.ts';
import { onigurumaWord, onigurumaWordAlone, whiteSpace } from './unicode.ts';

/**
 * Translates a pattern of Oniguruma, whose syntax `tokenizer.json` uses, to a JavaScript expression that matches the same.
 *
 * The two differ in what `\s`, `\w`, `\d`, `\h`, `.`, `^` and `$` mean, in possessive quantifiers, atomic groups, nested classes, and
 * options such as `(?i:…)`. Possessive parts become a lookahead with a reference to what it matched, which gives nothing back.
 *
 * @throws RangeError for syntax without an equivalent (back references, `\G`, `\K`, `\X`, conditions), and for a pattern without bounds of time
 * @see the file RE of Oniguruma
 */
export function translatePattern(pattern: string): BoundedPattern {
  try {
    const translator = new Translator(pattern);
    const expression = new RegExp(translator.translate(), 'gv');
    // WHY only then: without a repeated group no pattern's time doubles with each character.
    if (translator.repeatsGroup) checkPatternTime(expression.source, pattern);
    return new BoundedPattern(expression, translator.freeLength);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new RangeError(`its pattern ${JSON.stringify(pattern)} cannot be used: ${reason}`, { cause });
  }
}

/** An expression that matches a text literally. */
export function literalPattern(text: string): RegExp {
  return new RegExp([...text].map(literal).join(''), 'gv');
}

class Translator {
  /** Whether a group is repeated without a limit. */
  repeatsGroup = false;
  /** What the alternative costs that is being read. */
  #unbounded = 0;
  #choices = 1;
  #freeLength = Infinity;
  readonly #characters: readonly string[];
  #at = 0;
  #groups = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  /** The longest text that the pattern, once translated, cannot take long for. */
  get freeLength(): number {
    return this.repeatsGroup ? 0 : this.#freeLength;
  }

  translate(): string {
    const translated = this.#alternatives(false);
    this.#endAlternative();
    if (this.#at < this.#characters.length) throw new RangeError('it has a ) without a (');
    return translated;
  }

  /** Up to the end of the group. `isFolded`: small and capital letters are the same. */
  #alternatives(isFolded: boolean): string {
    let folded = isFolded;
    let translated = '';
    let alternatives = 1;
    while (this.#at < this.#characters.length && !this.#sees(')')) {
      if (this.#take('|')) {
        translated += '|';
        alternatives++;
        if (this.#depth === 0) this.#endAlternative();
      } else if (this.#sees('(', '?') && /^\(\?[imx-]*\)/.test(this.#rest(8))) folded = this.#option(folded);
      else {
        const isGroup = this.#sees('(');
        translated += this.#quantified(this.#atom(folded), isGroup);
      }
    }
    if (this.#depth > 0) this.#choices *= alternatives;
    return translated;
  }

  /** Counts anew for the next alternative of the whole pattern. */
  #endAlternative(): void {
    const free = freeLength({ unbounded: this.#unbounded, choices: this.#choices });
    this.#freeLength = Math.min(this.#freeLength, free);
    this.#unbounded = 0;
    this.#choices = 1;
  }

  /** @param range  such as `*` or `{1,3}` */
  #countCost(range: string): void {
    const [, least = '0', comma = '', most = ''] = /^\{(\d+)(,?)(\d*)\}$/.exec(range) ?? [];
    const width = range === '?' ? 2 : comma === '' ? 1 : Number(most) - Number(least) + 1;
    if (range === '*' || range === '+' || (comma !== '' && most === '') || width > 16) this.#unbounded++;
    else this.#choices *= width;
  }

  /** An option for the rest of the group, such as `(?i)`. */
  #option(isFolded: boolean): boolean {
    const [written = ''] = /^\(\?[imx-]*\)/.exec(this.#rest(8)) ?? [];
    this.#at += written.length;
    return optionFolds(written.slice(2, -1), isFolded);
  }

  #quantified(atom: string, isGroup: boolean): string {
    let translated = atom;
    for (let quantifier = this.#quantifier(); quantifier !== undefined; quantifier = this.#quantifier()) {
      const { range, mode } = quantifier;
      this.#countCost(range);
      // A quantifier of a quantifier makes a group of what it repeats.
      if ((isGroup || translated !== atom) && range !== '?') this.repeatsGroup = true;
      if (translated !== atom) translated = `(?:${translated})`;
      if (mode === 'possessive') translated = this.#atomic(translated + range);
      else translated += range + (mode === 'lazy' ? '?' : '');
    }
    return translated;
  }

  #quantifier(): { range: string; mode: 'greedy' | 'lazy' | 'possessive' } | undefined {
    for (const range of ['?', '*', '+']) {
      if (!this.#take(range)) continue;
      if (this.#take('?')) return { range, mode: 'lazy' };
      return { range, mode: this.#take('+') ? 'possessive' : 'greedy' };
    }
    const [written, least = '', comma, most = ''] = /^\{(\d*)(,?)(\d*)\}/.exec(this.#rest(24)) ?? [];
    if (written === undefined || (least === '' && most === '')) return undefined;
    this.#at += written.length;
    // A + after such a range is not possessive: it repeats the range.
    const range = `{${least === '' ? '0' : least}${comma}${most}}`;
    return { range, mode: this.#take('?') ? 'lazy' : 'greedy' };
  }

  #atomic(translated: string): string {
    const name = `atomic${this.#groups++}`;
    return `(?:(?=(?<${name}>${translated}))\\k<${name}>)`;
  }

  #atom(isFolded: boolean): string {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group(isFolded);
      case '[':
        return this.#class(isFolded);
      case '\\':
        return this.#escape(isFolded);
      case '.':
        return String.raw`[^\n]`;
      case '^':
        return String.raw`(?:(?<![^])|(?<=\n)(?=[^]))`;
      case '$':
        return String.raw`(?=\n|(?![^]))`;
      case '*':
      case '+':
      case '?':
        throw new RangeError(`its ${character} repeats nothing`);
      default:
        return folding(character, isFolded);
    }
  }

  #group(isFolded: boolean): string {
    if (++this.#depth > deepest) throw new RangeError(`its groups are nested more than ${deepest} deep`);
    const translated = this.#openGroup(isFolded);
    this.#depth--;
    return translated;
  }

  #openGroup(isFolded: boolean): string {
    if (!this.#take('?')) return `(?:${this.#inner(isFolded)})`;
    for (const look of ['=', '!', '<=', '<!']) {
      if (this.#take(look)) return `(?:(?${look}${this.#inner(isFolded)}))`;
    }
    if (this.#take('>')) return this.#atomic(`(?:${this.#inner(isFolded)})`);
    if (this.#take('#')) {
      while (!this.#sees(')')) this.#next();
      this.#next();
      return '';
    }
    const [name] = /^<[A-Za-z_]\w*>/.exec(this.#rest(80)) ?? [];
    if (name !== undefined) {
      this.#at += name.length;
      return `(?:${this.#inner(isFolded)})`;
    }
    const [written, letters = ''] = /^([imx-]*):/.exec(this.#rest(8)) ?? [];
    if (written === undefined) throw new RangeError(`its group (?${this.#rest(4)}… is not supported`);
    this.#at += written.length;
    return `(?:${this.#inner(optionFolds(letters, isFolded))})`;
  }

  #inner(isFolded: boolean): string {
    const translated = this.#alternatives(isFolded);
    if (!this.#take(')')) throw new RangeError('it has a ( without a )');
    return translated;
  }

  #escape(isFolded: boolean): string {
    const character = this.#next();
    const set = this.#set(character, onigurumaWordAlone);
    if (set !== undefined) return `[${set}]`;
    switch (character) {
      case 'A':
        return '(?<![^])';
      case 'z':
        return '(?![^])';
      case 'Z':
        return String.raw`(?=\n?(?![^]))`;
      case 'b':
        return `(?:(?<=[${onigurumaWordAlone}])(?![${onigurumaWordAlone}])|(?<![${onigurumaWordAlone}])(?=[${onigurumaWordAlone}]))`;
      case 'B':
        return `(?:(?<=[${onigurumaWordAlone}])(?=[${onigurumaWordAlone}])|(?<![${onigurumaWordAlone}])(?![${onigurumaWordAlone}]))`;
      case 'R':
        return this.#atomic(String.raw`(?:\r\n|[\n-\r\x85\u2028\u2029])`);
      default:
        return folding(this.#character(character), isFolded);
    }
  }

  /** What is between the brackets of a class for an escape of several characters. */
  #set(letter: string, word: string): string | undefined {
    switch (letter) {
      case 's':
        return whiteSpace;
      case 'S':
        return `[^${whiteSpace}]`;
      case 'w':
        return word;
      case 'W':
        return `[^${word}]`;
      case 'd':
        return String.raw`\p{Nd}`;
      case 'D':
        return String.raw`\P{Nd}`;
      case 'h':
        return '0-9a-fA-F';
      case 'H':
        return '[^0-9a-fA-F]';
      case 'p':
      case 'P':
        return this.#property(letter === 'P');
      default:
        return undefined;
    }
  }

  #property(isNegated: boolean): string {
    const [written, not = '', name = ''] = /^\{(\^?)([\w -]+)\}/.exec(this.#rest(64)) ?? [];
    if (written === undefined) throw new RangeError('its property is not written as \\p{Name}');
    this.#at += written.length;
    const set = propertySet(name);
    return isNegated === (not === '^') ? set : `[^${set}]`;
  }

  /** A single character after a backslash. */
  #character(letter: string): string {
    const code = controls[letter];
    if (code !== undefined) return String.fromCharCode(code);
    if (letter === 'x' || letter === 'u') {
      const digits = letter === 'u' ? /^([0-9A-Fa-f]{4})/ : /^\{([0-9A-Fa-f]{1,8})\}|^([0-9A-Fa-f]{1,2})/;
      const [written, first, second] = digits.exec(this.#rest(12)) ?? [];
      if (written === undefined) throw new RangeError(`its \\${letter} has no digits`);
      this.#at += written.length;
      return String.fromCodePoint(Number.parseInt(first ?? second ?? '', 16));
    }
    if (letter === '0') {
      const [digits = ''] = /^[0-7]{0,2}/.exec(this.#rest(2)) ?? [];
      this.#at += digits.length;
      return String.fromCharCode(Number.parseInt(`0${digits}`, 8));
    }
    if (/^[A-Za-z0-9]$/.test(letter)) throw new RangeError(`its \\${letter} is not supported`);
    return letter;
  }

  #class(isFolded: boolean): string {
    if (++this.#depth > deepest) throw new RangeError(`its classes are nested more than ${deepest} deep`);
    const isNegated = this.#take('^');
    const parts: string[] = [];
    let set = '';
    for (let isFirst = true; isFirst || !this.#sees(']'); isFirst = false) {
      if (this.#take('&', '&')) {
        parts.push(`[${set}]`);
        set = '';
      } else set += this.#member(isFolded);
    }
    this.#next();
    this.#depth--;
    const whole = parts.length === 0 ? set : [...parts, `[${set}]`].join('&&');
    return `[${isNegated ? '^' : ''}${whole}]`;
  }

  #member(isFolded: boolean): string {
    const [posix, not = '', name = ''] = /^\[:(\^?)([a-z]+):\]/.exec(this.#rest(16)) ?? [];
    if (posix !== undefined) {
      this.#at += posix.length;
      return not === '' ? propertySet(name) : `[^${propertySet(name)}]`;
    }
    const character = this.#next();
    if (character === '[') return this.#class(isFolded);
    let from = character;
    if (character === '\\') {
      const letter = this.#next();
      const set = this.#set(letter, onigurumaWord);
      if (set !== undefined) return set;
      from = letter === 'b' ? '\b' : this.#character(letter);
    }
    if (!this.#sees('-') || this.#peek(1) === ']' || this.#peek(1) === undefined)
      return foldedSet(from, from, isFolded);
    const back = this.#at;
    this.#next();
    let to = this.#next();
    if (to === '[') to = '';
    else if (to === '\\') {
      const letter = this.#next();
      to = 'sSwWdDhHpP'.includes(letter) ? '' : this.#character(letter);
    }
    if (to !== '') return foldedSet(from, to, isFolded);
    // What follows the hyphen is no character, so the hyphen stands for itself.
    this.#at = back + 1;
    return foldedSet(from, from, isFolded) + literal('-');
  }

  #sees(...characters: readonly string[]): boolean {
    return characters.every((character, i) => this.#characters[this.#at + i] === character);
  }

  #take(...characters: readonly string[]): boolean {
    const parts = characters.flatMap((part) => [...part]);
    if (!this.#sees(...parts)) return false;
    this.#at += parts.length;
    return true;
  }

  #next(): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw new RangeError('it ends too early');
    return character;
  }

  #peek(ahead: number): string | undefined {
    return this.#characters[this.#at + ahead];
  }

  #rest(length: number): string {
    return this.#characters.slice(this.#at, this.#at + length).join('');
  }
}

const deepest = 50;

const controls: Readonly<Record<string, number | undefined>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };

function optionFolds(letters: string, isFolded: boolean): boolean {
  if (letters.includes('x')) throw new RangeError('its option x is not supported');
  const [on = '', off = ''] = letters.split('-');
  if (off.includes('i')) return false;
  return on.includes('i') || isFolded;
}

/** The POSIX names of classes, in Unicode. */
const posixSets: Readonly<Record<string, string | undefined>> = {
  alnum: String.raw`\p{Alphabetic}\p{Nd}`,
  alpha: String.raw`\p{Alphabetic}`,
  ascii: String.raw`\x00-\x7f`,
  blank: String.raw`\p{Zs}\t`,
  cntrl: String.raw`\p{Cc}`,
  digit: String.raw`\p{Nd}`,
  lower: String.raw`\p{Lowercase}`,
  punct: String.raw`\p{P}\p{S}`,
  space: whiteSpace,
  upper: String.raw`\p{Uppercase}`,
  word: onigurumaWord,
  xdigit: '0-9a-fA-F',
};

function propertySet(name: string): string {
  const key = name.replaceAll(/[ _-]/g, '').toLowerCase();
  const posix = posixSets[key];
  if (posix !== undefined) return posix;
  const capital = name.replaceAll(/(?:^|_)[a-z]/g, (letter) => letter.toUpperCase());
  for (const written of [name, capital].flatMap((each) => [each, `Script=${each}`])) {
    const set = `\\p{${written}}`;
    if (isProperty(set)) return set;
  }
  throw new RangeError(`its property ${JSON.stringify(name)} is not known`);
}

function isProperty(set: string): boolean {
  try {
    return new RegExp(set, 'v').source === set;
  } catch {
    return false;
  }
}
