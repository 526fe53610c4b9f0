import type { PatternReader } from './pattern-reader.ts';
import { classOf, rangeOf, type PatternFlags } from './python-characters.ts';
import { escapedCharacter } from './python-escapes.ts';

/** Translates a set of characters, whose [ has been taken. @throws SyntaxError */
export function translateSet(reader: PatternReader, flags: PatternFlags): string {
  const isNegated = reader.take('^');
  let source = '';
  for (let isFirst = true; isFirst || reader.peek() !== ']'; isFirst = false) {
    source += member(reader, flags);
  }
  reader.next();
  return `[${isNegated ? '^' : ''}${source}]`;
}

function member(reader: PatternReader, flags: PatternFlags): string {
  const from = one(reader, flags);
  if (reader.peek() !== '-' || reader.peek(1) === ']')
    return typeof from === 'string' ? from : rangeOf(from, from, flags);
  reader.next();
  const to = one(reader, flags);
  if (typeof from === 'string' || typeof to === 'string' || to < from)
    throw new SyntaxError('it has a range from nothing to nothing');
  return rangeOf(from, to, flags);
}

/** A class, or the number of a character. */
function one(reader: PatternReader, flags: PatternFlags): string | number {
  const character = reader.next();
  if (character !== '\\') return character.codePointAt(0) ?? 0;
  const letter = reader.next();
  return classOf(letter, flags) ?? escapedCharacter(letter, reader, true);
}
