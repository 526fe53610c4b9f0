import { z } from 'zod';

import { shown } from '../model/read-model.ts';
import { literalPattern, translatePattern } from './pattern.ts';

/** A pattern as `tokenizer.json` writes it: a text, or a regular expression in Oniguruma's syntax. */
export const replacePattern = z
  .union([z.object({ String: z.string() }), z.object({ Regex: z.string() })])
  .transform((given) => ('String' in given ? literalPattern(given.String) : translatePattern(given.Regex)));

/** A single character. */
export const character = z.string().refine((text) => [...text].length === 1, 'expected one character');

/** Reads a part of `tokenizer.json`. @throws RangeError that names the part */
export function parseComponent<T>(schema: z.ZodType<T>, json: unknown): T {
  const { data, error } = schema.safeParse(json);
  if (error === undefined) return data;
  const problems = error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  throw new RangeError(`it holds ${shown(json)}: ${problems.join('; ')}`);
}
