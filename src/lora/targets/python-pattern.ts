import { PatternReader } from './pattern-reader.ts';
import { boundaryOf, classOf, literalOf, type PatternFlags } from './python-characters.ts';
import { escapedCharacter, octal } from './python-escapes.ts';
import { translateSet } from './python-set.ts';

/** A pattern in JavaScript's syntax, for a RegExp with the flags `sv`. */
export interface TranslatedPattern {
  readonly source: string;
  /**
   * Whether it cannot take long: no repeated group, no back reference, at most two repeated parts and few alternatives. Its steps then
   * grow at most with the cube of a path's length.
   */
  readonly isSimple: boolean;
}

export interface TranslateOptions {
  /** Groups of a larger pattern that are open around this one, or may have matched nothing before it. Default: 0. */
  readonly groupsBefore?: number;
}

const maxDepth = 100;
const maxRepeats = 2;
const maxAlternatives = 256;

/**
 * Translates a regular expression of Python's `re` (3.11) to JavaScript's, so that both match the same texts as a whole.
 *
 * @throws SyntaxError if Python would refuse it, or if JavaScript has nothing that means exactly the same: conditional groups, names of
 *   characters, references to groups that may have matched nothing, and case that is ignored beyond ASCII
 * @see https://docs.python.org/3/library/re.html#regular-expression-syntax
 */
export function translatePython(pattern: string, { groupsBefore = 0 }: TranslateOptions = {}): TranslatedPattern {
  return new Translation(pattern, groupsBefore).translate();
}

/** A piece of a pattern. */
interface Item {
  readonly source: string;
  readonly kind: 'character' | 'group' | 'anchor' | 'repeat' | 'nothing';
  /** Numbers of groups that have matched something wherever this piece has matched. */
  readonly groups: readonly number[];
  /** The least and the most characters that it matches. */
  readonly width: Width;
  /** Whether it has a lazy repetition, or one of a group that may match nothing. */
  readonly isLoose: boolean;
}

type Width = readonly [least: number, most: number];

interface Scope {
  readonly flags: PatternFlags;
  readonly depth: number;
  readonly inLookbehind: boolean;
  /** Groups that have matched something before this place. */
  readonly set: ReadonlySet<number>;
}

class Translation {
  readonly #reader: PatternReader;
  readonly #names = new Map<string, number>();
  readonly #open = new Set<number>();
  #groups: number;
  #atomics = 0;
  #repeats = 0;
  #alternatives = 1;
  #isDeep = false;
  readonly #widths = new Map<number, Width>();

  constructor(pattern: string, groupsBefore: number) {
    this.#reader = new PatternReader(pattern);
    this.#groups = groupsBefore;
  }

  translate(): TranslatedPattern {
    const flags = this.#globalFlags();
    const { source } = this.#alternation({ flags, depth: 0, inLookbehind: false, set: new Set() });
    if (!this.#reader.isAtEnd) throw new SyntaxError('it has a ) without a (');
    const isSimple = !this.#isDeep && this.#repeats <= maxRepeats && this.#alternatives <= maxAlternatives;
    return { source, isSimple };
  }

  #globalFlags(): PatternFlags {
    let flags: PatternFlags = { ignoreCase: false, ascii: false, dotAll: false, multiline: false, verbose: false };
    for (;;) {
      const { place } = this.#reader;
      if (flags.verbose) this.#skipBlanks();
      const letters = this.#reader.take('(?') ? this.#reader.takeWhile(/[a-zA-Z]/) : '';
      if (letters === '' || !this.#reader.take(')')) {
        this.#reader.back(place);
        return flags;
      }
      flags = withFlags(flags, letters, '');
    }
  }

  #alternation(scope: Scope): Item {
    if (scope.depth > maxDepth) throw new SyntaxError(`its groups are more than ${maxDepth} deep`);
    const branches = [this.#sequence(scope)];
    while (this.#reader.take('|')) branches.push(this.#sequence(scope));
    this.#alternatives *= branches.length;
    const groups = branches.length === 1 ? (branches[0]?.groups ?? []) : [];
    const widths = branches.map(({ width }) => width);
    const width = [Math.min(...widths.map(([least]) => least)), Math.max(...widths.map(([, most]) => most))] as const;
    const isLoose = branches.some((branch) => branch.isLoose);
    return { source: branches.map(({ source }) => source).join('|'), kind: 'group', groups, width, isLoose };
  }

  #sequence(scope: Scope): Item {
    const items: Item[] = [];
    const set = new Set(scope.set);
    for (;;) {
      if (scope.flags.verbose) this.#skipBlanks();
      const next = this.#reader.peek();
      if (next === '' || next === '|' || next === ')') break;
      const bounds = this.#bounds();
      const last = bounds && items.pop();
      // A repetition may have been none: it says itself which groups have matched.
      for (const group of last?.groups ?? []) set.delete(group);
      const item = bounds ? this.#repeated(last, bounds, scope) : this.#item({ ...scope, set });
      if (item.kind === 'nothing') continue;
      items.push(item);
      for (const group of item.groups) set.add(group);
    }
    return {
      source: items.map(({ source }) => source).join(''),
      kind: 'group',
      groups: items.flatMap(({ groups }) => groups),
      width: items.reduce<Width>(([least, most], { width }) => [least + width[0], most + width[1]], [0, 0]),
      isLoose: items.some((item) => item.isLoose),
    };
  }

  #skipBlanks(): void {
    this.#reader.takeWhile(/^[ \t\n\r\f\v]$/);
    while (this.#reader.take('#')) {
      this.#reader.takeWhile(/^[^\n]$/);
      this.#reader.takeWhile(/^[ \t\n\r\f\v]$/);
    }
  }

  /** The bounds of a repetition, if one is next. { is itself where no bounds follow. */
  #bounds(): readonly [least: number, most: number] | undefined {
    if (this.#reader.take('*')) return [0, Infinity];
    if (this.#reader.take('+')) return [1, Infinity];
    if (this.#reader.take('?')) return [0, 1];
    const { place } = this.#reader;
    if (this.#reader.peek() !== '{' || this.#reader.peek(1) === '}') return undefined;
    this.#reader.next();
    const least = this.#reader.takeWhile(/^\d$/);
    const most = this.#reader.take(',') ? this.#reader.takeWhile(/^\d$/) || 'Infinity' : least;
    if (!this.#reader.take('}') || most === '') {
      this.#reader.back(place);
      return undefined;
    }
    if (Number(most) < Number(least)) throw new SyntaxError('it has a repetition from more to less');
    return [Number(least), Number(most)];
  }

  #repeated(item: Item | undefined, [least, most]: readonly [number, number], scope: Scope): Item {
    if (item === undefined || item.kind === 'anchor') throw new SyntaxError('it has nothing to repeat');
    if (item.kind === 'repeat') throw new SyntaxError('it repeats a repetition');
    this.#repeats++;
    if (item.kind === 'group' && most > 1) this.#isDeep = true;
    const groups = least > 0 ? item.groups : [];
    const width = [times(item.width[0], least), times(item.width[1], most)] as const;
    const one = item.kind === 'group' ? `(?:${item.source})` : item.source;
    const all = `${one}{${least},${most === Infinity ? '' : most}}`;
    const repeat = {
      kind: 'repeat',
      groups,
      width,
      isLoose: item.isLoose || (item.kind === 'group' && item.width[0] === 0),
    } as const;
    if (this.#reader.take('+')) return { ...repeat, source: this.#atomic({ ...repeat, source: all }, scope) };
    return this.#reader.take('?') ? { ...repeat, source: `${all}?`, isLoose: true } : { ...repeat, source: all };
  }

  /**
   * What has matched once is not tried again otherwise: a lookahead that captures, and its capture. WHY nothing loose inside: Python
   * stretches what is lazy to the end of a text that must match as a whole, and ends a repetition that matched nothing otherwise.
   */
  #atomic({ source, isLoose }: Pick<Item, 'source' | 'isLoose'>, { inLookbehind }: Scope): string {
    if (inLookbehind) throw new SyntaxError('Espalier knows no atomic group in a lookbehind');
    if (isLoose)
      throw new SyntaxError(
        'Espalier knows no lazy repetition, and none of what may match nothing, in an atomic group',
      );
    this.#isDeep = true;
    const name = `a${this.#atomics++}`;
    return `(?=(?<${name}>${source}))\\k<${name}>`;
  }

  #item(scope: Scope): Item {
    const { flags } = scope;
    const character = this.#reader.next();
    switch (character) {
      case '(':
        return this.#group(scope);
      case '[':
        return characterItem(translateSet(this.#reader, flags));
      case '\\':
        return this.#escape(scope);
      case '.':
        return characterItem(flags.dotAll ? '.' : '[^\\n]');
      case '^':
        return anchor(flags.multiline ? '(?<![^\\n])' : '^');
      case '$':
        return anchor(flags.multiline ? '(?![^\\n])' : '(?=\\n?$)');
      default:
        return characterItem(literalOf(character.codePointAt(0) ?? 0, flags));
    }
  }

  #escape(scope: Scope): Item {
    const letter = this.#reader.next();
    if (letter === 'A') return anchor('^');
    if (letter === 'Z') return anchor('$');
    if (letter === 'b' || letter === 'B') return anchor(boundaryOf(letter, scope.flags));
    const set = classOf(letter, scope.flags);
    if (set !== undefined) return characterItem(set);
    if (!/^[1-9]$/.test(letter)) return this.#literal(escapedCharacter(letter, this.#reader, false), scope);
    const number = letter + this.#reader.takeWhile(/^\d$/, 1);
    if (/^[0-3][0-7]$/.test(number) && /^[0-7]$/.test(this.#reader.peek())) {
      return this.#literal(octal(number + this.#reader.next()), scope);
    }
    return this.#reference(Number(number), scope);
  }

  #literal(code: number, { flags }: Scope): Item {
    return characterItem(literalOf(code, flags));
  }

  /**
   * WHY so strict: a reference to a group without a match fails in Python and matches nothing in JavaScript, and behind a place
   * JavaScript matches from right to left.
   */
  #reference(number: number, { flags, set, inLookbehind }: Scope): Item {
    if (number > this.#groups || this.#open.has(number))
      throw new SyntaxError(`there is no group ${number} before its reference`);
    if (!set.has(number))
      throw new SyntaxError(`Espalier knows no reference to a group that may have no match (${number})`);
    if (flags.ignoreCase) throw new SyntaxError('Espalier knows no reference to a group where case is ignored');
    if (inLookbehind) throw new SyntaxError('Espalier knows no reference to a group in a lookbehind');
    this.#isDeep = true;
    return { ...nothing, source: `\\k<g${number}>`, kind: 'group', width: this.#widths.get(number) ?? [0, Infinity] };
  }

  #group(scope: Scope): Item {
    const reader = this.#reader;
    if (!reader.take('?')) return this.#capture(scope);
    if (reader.take('P<')) return this.#capture(scope, reader.takeUntil('>'));
    if (reader.take('P=')) return this.#named(reader.takeUntil(')'), scope);
    if (reader.take('#')) return this.#comment();
    if (reader.take('>')) return this.#closed(scope, (inner) => this.#atomic(inner, scope));
    if (reader.take('=')) return { ...this.#closed(scope, ({ source }) => `(?=${source})`), width: [0, 0] };
    if (reader.take('!'))
      return { ...nothing, kind: 'group', source: this.#closed(scope, ({ source }) => `(?!${source})`).source };
    for (const sign of ['<=', '<!']) if (reader.take(sign)) return this.#behind(sign, scope);
    if (reader.peek() === '(') throw new SyntaxError('Espalier knows no conditional groups, (?(1)...)');
    return this.#flagged(scope);
  }

  #comment(): Item {
    this.#reader.takeUntil(')');
    return { ...nothing, kind: 'nothing' };
  }

  #behind(sign: string, scope: Scope): Item {
    const inner = this.#closed({ ...scope, inLookbehind: true }, ({ source }) => `(?${sign}${source})`);
    if (inner.width[0] !== inner.width[1]) throw new SyntaxError('its lookbehind has no fixed width');
    return { ...nothing, kind: 'group', source: inner.source };
  }

  #capture(scope: Scope, name?: string): Item {
    const number = ++this.#groups;
    if (name !== undefined) {
      if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) throw new SyntaxError(`"${name}" is no name of a group`);
      if (this.#names.has(name)) throw new SyntaxError(`the group ${name} comes twice`);
      this.#names.set(name, number);
    }
    this.#open.add(number);
    const item = this.#closed(scope, ({ source }) => `(?<g${number}>${source})`);
    this.#open.delete(number);
    this.#widths.set(number, item.width);
    return { ...item, groups: [...item.groups, number] };
  }

  #named(name: string, scope: Scope): Item {
    const number = this.#names.get(name);
    if (number === undefined) throw new SyntaxError(`there is no group ${name} before its reference`);
    return this.#reference(number, scope);
  }

  /** (?i:...), (?i-s:...), (?:...) */
  #flagged(scope: Scope): Item {
    const on = this.#reader.takeWhile(/^[a-zA-Z]$/);
    const off = this.#reader.take('-') ? this.#reader.takeWhile(/^[a-zA-Z]$/) || '-' : '';
    if (this.#reader.peek() === ')' && on !== '') throw new SyntaxError(`the flags (?${on}) belong at its beginning`);
    if (!this.#reader.take(':')) throw new SyntaxError('it has an unknown kind of group');
    return this.#closed({ ...scope, flags: withFlags(scope.flags, on, off) }, ({ source }) => `(?:${source})`);
  }

  /** The rest of a group up to its ). */
  #closed(scope: Scope, written: (inner: Item) => string): Item {
    const inner = this.#alternation({ ...scope, depth: scope.depth + 1 });
    if (!this.#reader.take(')')) throw new SyntaxError('it has a ( without a )');
    return { ...inner, source: written(inner) };
  }
}

/** What every piece has. */
const nothing = { source: '', groups: [], width: [0, 0], isLoose: false } as const;

function characterItem(source: string): Item {
  return { ...nothing, source, kind: 'character', width: [1, 1] };
}

function anchor(source: string): Item {
  return { ...nothing, source, kind: 'anchor' };
}

/** WHY: 0 times without end is nothing, and no NaN. */
function times(width: number, count: number): number {
  return width === 0 || count === 0 ? 0 : width * count;
}

const flagNames = { i: 'ignoreCase', s: 'dotAll', m: 'multiline', x: 'verbose' } as const;

function withFlags(flags: PatternFlags, on: string, off: string): PatternFlags {
  const changed = { ...flags };
  for (const [letters, value] of [
    [on, true],
    [off, false],
  ] as const) {
    for (const letter of letters) {
      const name = Object.entries(flagNames).find(([key]) => key === letter)?.[1];
      if (name !== undefined) changed[name] = value;
      else if ((letter === 'a' || letter === 'u') && value) changed.ascii = letter === 'a';
      else
        throw new SyntaxError(
          `the flag ${letter} cannot be ${value ? 'switched on' : 'switched off'} in a pattern of text`,
        );
    }
  }
  if (on.includes('a') && on.includes('u')) throw new SyntaxError('the flags a and u exclude each other');
  return changed;
}
