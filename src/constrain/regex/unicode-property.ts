import { EspalierError, type Steps } from '../../core/index.ts';
import type { CharacterSet } from '../characters/character-set.ts';

/** The sets of the properties that a pattern names, such as `L` for `\p{L}`. */
export type PropertySets = ReadonlyMap<string, CharacterSet>;

/** WHY a limit: the characters of each property are found by asking for every one. */
const mostProperties = 8;

/**
 * Finds the characters of all properties of Unicode that a pattern names.
 * @throws EspalierError CONSTRAINT_INVALID, CONSTRAINT_TOO_LARGE
 */
export function* readProperties(pattern: string, place: string): Steps<PropertySets> {
  const names = new Set(Array.from(pattern.matchAll(/\\[pP]\{([^}]*)\}/g), ([, name]) => name ?? ''));
  if (names.size > mostProperties) {
    throw new EspalierError('CONSTRAINT_TOO_LARGE', { what: 'the properties of a pattern', limit: mostProperties });
  }
  const sets = new Map<string, CharacterSet>();
  for (const name of names) sets.set(name, yield* charactersOf(name, place));
  return sets;
}

function* charactersOf(name: string, place: string): Steps<CharacterSet> {
  const test = testOf(name, place);
  const ranges: [number, number][] = [];
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code % 1024 === 0) yield;
    if (code === 0xd800) code = 0xe000;
    if (!test.test(String.fromCodePoint(code))) continue;
    const open = ranges.at(-1);
    if (open !== undefined && open[1] === code - 1) open[1] = code;
    else ranges.push([code, code]);
  }
  return ranges;
}

function testOf(name: string, place: string): RegExp {
  try {
    if (!/^\w+(=\w+)?$/.test(name)) throw new SyntaxError('not a name');
    return new RegExp(`^\\p{${name}}$`, 'u');
  } catch (cause) {
    const problem = `\\p{${name}} names no property of Unicode`;
    throw new EspalierError('CONSTRAINT_INVALID', { problem, place }, { cause });
  }
}
