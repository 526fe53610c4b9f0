import { z } from 'zod';

/**
 * Reads a setting from a word. A program gives values, which are used unchanged. A command line gives words, and a file may. The schema
 * is built once for values and once for words, so both have the same settings.
 */
export type WordReader = <Output, Input>(
  schema: z.ZodType<Output, Input>,
  parse: (word: string) => unknown,
) => z.ZodType<Output, Input>;

/** For callers in code: a word is not accepted as a number. */
export const valuesOnly: WordReader = (schema) => schema;

/** For the command line and files: a word is converted to the value that it stands for. Other values are not changed. */
export const fromWords: WordReader = <Output, Input>(
  schema: z.ZodType<Output, Input>,
  parse: (word: string) => unknown,
) => z.preprocess((value: Input) => (typeof value === 'string' ? parse(value) : value), schema);

/** WHY no z.coerce: it reads an empty word as 0. */
export function parseNumber(word: string): unknown {
  return word.trim() === '' ? word : Number(word);
}

/** `bad,good` */
export function parseNames(word: string): string[] {
  return word.split(',').map((name) => name.trim());
}

/** `0,1` */
export function parseWholeNumbers(word: string): unknown {
  const words = parseNames(word);
  return words.every((each) => /^\d+$/.test(each)) ? words.map(Number) : word;
}

/** A text that is not JSON is refused because it is not a mapping. */
export function parseJson(word: string): unknown {
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
}
