import type { PatternReader } from './pattern-reader.ts';

const letters: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const digits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const maxCodePoint = 0x10ffff;

/**
 * The character that an escape stands for, whose backslash and letter have been taken.
 * @param inSet  whether it stands between [ and ]
 * @throws SyntaxError for a letter that has no meaning in Python
 */
export function escapedCharacter(letter: string, reader: PatternReader, inSet: boolean): number {
  if (letter === '0' || (inSet && /[1-7]/.test(letter))) {
    return octal(letter + reader.takeWhile(/[0-7]/, 2));
  }
  const count = digits[letter];
  if (count !== undefined) return hexadecimal(reader.takeWhile(/[0-9a-fA-F]/, count), count);
  if (inSet && letter === 'b') return 8;
  const code = letters[letter];
  if (code !== undefined) return code;
  if (letter === 'N') throw new SyntaxError('Espalier knows no names of characters (\\N{...})');
  if (/^[A-Za-z0-9]$/.test(letter)) throw new SyntaxError(`\\${letter} has no meaning here`);
  return letter.codePointAt(0) ?? 0;
}

/** Three octal digits after a backslash are a character and no group. */
export function octal(text: string): number {
  const code = Number.parseInt(text, 8);
  if (code > 0o377) throw new SyntaxError(`\\${text} is above \\377`);
  return code;
}

function hexadecimal(text: string, count: number): number {
  const code = Number.parseInt(text, 16);
  if (text.length < count || code > maxCodePoint) throw new SyntaxError(`\\x, \\u and \\U need 2, 4 and 8 digits`);
  return code;
}
