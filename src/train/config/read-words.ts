import { z } from 'zod';

/**
 * Lets a setting be read from a word. A program gives values, which are taken as they are; a command line gives words, and a file may.
 * One schema, made once for each of the two, keeps them the same.
 */
export type WordReader = <Output, Input>(
  schema: z.ZodType<Output, Input>,
  parse: (word: string) => unknown,
) => z.ZodType<Output, Input>;

/** For callers in code: a word is no number. */
export const valuesOnly: WordReader = (schema) => schema;

/** For the command line and files: a word becomes the value that it is written for; what is no word is left as it is. */
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

/** What is no JSON is no mapping either, and is refused as such. */
export function parseJson(word: string): unknown {
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
}
