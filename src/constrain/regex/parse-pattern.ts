import { EspalierError } from '../../core/index.ts';
import { between, type CharacterSet, complement, setOf, union } from '../characters/character-set.ts';
import { limits } from '../limits.ts';
import { characterEscapes, classEscapes, dot } from './class-escapes.ts';
import type { PatternNode } from './pattern-node.ts';
import type { PropertySets } from './unicode-property.ts';

/** Where a pattern comes from, for errors, and what it needs to be read. */
export interface PatternSource {
  readonly place: string;
  readonly properties: PropertySets;
}

/**
 * Reads a regular expression in JavaScript's syntax with the flag `u`; a bracket or brace that opens nothing stands for itself, and groups
 * may be named in Python's way.
 *
 * @throws EspalierError CONSTRAINT_INVALID, CONSTRAINT_UNSUPPORTED (look-around, back references, word boundaries, options),
 *   CONSTRAINT_TOO_LARGE
 */
export function parsePattern(pattern: string, source: PatternSource): PatternNode {
  return new PatternReader(pattern, source).read();
}

/** Largest number in braces. */
const mostTimes = 100_000;

class PatternReader {
  readonly #characters: readonly string[];
  readonly #source: PatternSource;
  #at = 0;
  #depth = 0;

  constructor(pattern: string, source: PatternSource) {
    this.#characters = [...pattern];
    this.#source = source;
    if (this.#characters.length > limits.pattern) throw tooLarge('the characters of a pattern', limits.pattern);
  }

  read(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#characters.length) throw this.#invalid('a ) closes nothing');
    return node;
  }

  #choice(): PatternNode {
    if (++this.#depth > limits.nesting) throw tooLarge('the nested groups of a pattern', limits.nesting);
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    this.#depth--;
    return options.length === 1 && options[0] !== undefined ? options[0] : { kind: 'choice', options };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#characters.length && this.#peek() !== '|' && this.#peek() !== ')') {
      parts.push(this.#repeated(this.#atom()));
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'sequence', parts };
  }

  #repeated(part: PatternNode): PatternNode {
    const times = this.#times();
    if (times === undefined) return part;
    if (part.kind === 'edge') throw this.#invalid('nothing stands before a quantifier');
    if (this.#take('+')) throw this.#unsupported('a possessive quantifier');
    this.#take('?');
    if (this.#times() !== undefined) throw this.#invalid('a quantifier follows a quantifier');
    return { kind: 'repeat', part, ...times };
  }

  #times(): { readonly least: number; readonly most: number } | undefined {
    if (this.#take('*')) return { least: 0, most: Infinity };
    if (this.#take('+')) return { least: 1, most: Infinity };
    if (this.#take('?')) return { least: 0, most: 1 };
    const [whole, from, comma, to] = /^\{(\d+)(,?)(\d*)\}/.exec(this.#ahead(24)) ?? [];
    if (whole === undefined) return undefined;
    this.#at += whole.length;
    const least = Number(from);
    const most = to !== '' ? Number(to) : comma === '' ? least : Infinity;
    if (most < least) throw this.#invalid(`the numbers of ${whole} are out of order`);
    if (least > mostTimes || (most > mostTimes && most !== Infinity)) throw tooLarge('repetitions', mostTimes);
    return { least, most };
  }

  #atom(): PatternNode {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'set', set: this.#class() };
      case '.':
        return { kind: 'set', set: dot };
      case '^':
        return { kind: 'edge', edge: 'start' };
      case '$':
        return { kind: 'edge', edge: 'end' };
      case '\\':
        return { kind: 'set', set: this.#escape(false) };
      case '*':
      case '+':
      case '?':
        throw this.#invalid('nothing stands before a quantifier');
      default:
        return { kind: 'set', set: setOf(character) };
    }
  }

  #group(): PatternNode {
    if (this.#take('?')) this.#groupKind();
    const inner = this.#choice();
    if (!this.#take(')')) throw this.#invalid('a group is not closed');
    return inner;
  }

  #groupKind(): void {
    if (this.#take(':')) return;
    const ahead = this.#ahead(64);
    if (/^<?[=!]/.test(ahead)) throw this.#unsupported('look-around');
    const name = /^P?<[\p{L}_$][\p{L}\p{N}_$]*>/u.exec(ahead)?.[0];
    if (name !== undefined) this.#at += [...name].length;
    else if (ahead.startsWith('>')) throw this.#unsupported('an atomic group');
    else if (ahead.startsWith('P=')) throw this.#unsupported('a back reference');
    else if (/^[a-zA-Z-]+[:)]/.test(ahead)) throw this.#unsupported('options inside a pattern');
    else throw this.#invalid('a group begins with an unknown (?');
  }

  #class(): CharacterSet {
    const isNegated = this.#take('^');
    const sets: CharacterSet[] = [];
    while (!this.#take(']')) {
      if (this.#at >= this.#characters.length) throw this.#invalid('a class is not closed');
      if (/^\[[:.=]/.test(this.#ahead(2))) throw this.#unsupported('a class of POSIX');
      const set = this.#classAtom();
      const isRange = this.#peek() === '-' && this.#peek(1) !== ']' && this.#peek(1) !== undefined;
      sets.push(isRange ? this.#range(set) : set);
    }
    const all = union(...sets);
    return isNegated ? complement(all) : all;
  }

  #range(first: CharacterSet): CharacterSet {
    this.#at++;
    const last = this.#classAtom();
    const [from, to] = [only(first), only(last)];
    if (from === undefined || to === undefined) throw this.#invalid('a range of a class has a class at its end');
    if (from > to) throw this.#invalid('a range of a class is out of order');
    return setOf(between(from, to));
  }

  #classAtom(): CharacterSet {
    const character = this.#next();
    return character === '\\' ? this.#escape(true) : setOf(character);
  }

  #escape(isInClass: boolean): CharacterSet {
    const letter = this.#next();
    const known = classEscapes[letter];
    if (known !== undefined) return known;
    if (isInClass && letter === 'b') return setOf('\b');
    if (letter === 'b' || letter === 'B') throw this.#unsupported('a word boundary');
    if (letter === 'p' || letter === 'P') return this.#property(letter === 'P');
    if (/[1-9k]/.test(letter) || (letter === '0' && /\d/.test(this.#peek() ?? ''))) {
      throw this.#unsupported('a back reference');
    }
    const character = characterEscapes[letter] ?? this.#codedCharacter(letter);
    if (character !== undefined) return setOf(character);
    if (/[a-zA-Z0-9]/.test(letter)) throw this.#unsupported(`\\${letter}`);
    return setOf(letter);
  }

  #property(isNegated: boolean): CharacterSet {
    const [whole, name] = /^\{([^}]*)\}/.exec(this.#ahead(80)) ?? [];
    const set = name === undefined ? undefined : this.#source.properties.get(name);
    if (whole === undefined || set === undefined) throw this.#invalid('\\p names no property');
    this.#at += whole.length;
    return isNegated ? complement(set) : set;
  }

  /** A character by its number. */
  #codedCharacter(letter: string): string | undefined {
    const form = { x: /^[\da-f]{2}/i, u: /^(?:[\da-f]{4}|\{[\da-f]{1,6}\})/i, c: /^[a-z]/i }[letter];
    if (form === undefined) return undefined;
    const digits = form.exec(this.#ahead(8))?.[0];
    if (digits === undefined) throw this.#invalid(`\\${letter} is not complete`);
    this.#at += digits.length;
    if (letter === 'c') return String.fromCharCode(digits.charCodeAt(0) % 32);
    const code = Number.parseInt(digits.replace(/[{}]/g, ''), 16);
    const low = code >= 0xd800 && code <= 0xdbff ? /^\\u(d[c-f][\da-f]{2})/i.exec(this.#ahead(6))?.[1] : undefined;
    if (low !== undefined) {
      this.#at += 6;
      return String.fromCharCode(code, Number.parseInt(low, 16));
    }
    if (code > 0x10ffff) throw this.#invalid('a number is beyond the last character');
    if (code >= 0xd800 && code <= 0xdfff) throw this.#unsupported('half of a surrogate pair');
    return String.fromCodePoint(code);
  }

  #peek(ahead = 0): string | undefined {
    return this.#characters[this.#at + ahead];
  }

  #ahead(count: number): string {
    return this.#characters.slice(this.#at, this.#at + count).join('');
  }

  #next(): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw this.#invalid('it ends too early');
    return character;
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #invalid(problem: string): EspalierError {
    return new EspalierError('CONSTRAINT_INVALID', { problem, place: this.#place() });
  }

  #unsupported(problem: string): EspalierError {
    return new EspalierError('CONSTRAINT_UNSUPPORTED', { problem, place: this.#place() });
  }

  #place(): string {
    return `character ${this.#at} of ${this.#source.place}`;
  }
}

function tooLarge(what: string, limit: number): EspalierError {
  return new EspalierError('CONSTRAINT_TOO_LARGE', { what, limit });
}

/** The one character of a set. */
function only(set: CharacterSet): string | undefined {
  const [range] = set;
  return set.length === 1 && range !== undefined && range[0] === range[1] ? String.fromCodePoint(range[0]) : undefined;
}
