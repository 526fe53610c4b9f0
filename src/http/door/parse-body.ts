import type { z } from 'zod';
import { isFields, type Fields } from '../../chat/index.ts';
import { EspalierError, withWrittenNumbers } from '../../core/index.ts';
import { issueWords } from './issue-words.ts';

/**
 * Parses a request's body.
 *
 * @param checkFields looks at the names of the fields before their values are read: a misspelt field is told as such, and not as one
 *   that is missing
 * @throws EspalierError REQUEST_INVALID with the path of the first field that is wrong, what was expected there, and what came; the
 *   errors of `checkFields`
 */
export function parseBody<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
  checkFields?: (fields: Fields) => void,
): z.output<Schema> {
  checkBounds(body);
  if (isFields(body)) checkFields?.(body);
  const result = schema.safeParse(body ?? {}, { error: issueWords });
  if (result.success) return isFields(body) ? withNumbers(result.data, body) : result.data;
  const [issue] = result.error.issues;
  const path = issue === undefined ? [] : pathOf(issue);
  throw new EspalierError('REQUEST_INVALID', {
    param: path.length === 0 ? 'body' : clip(path.join('.')),
    problem: clip(issue?.message ?? 'it cannot be read'),
  });
}

/** WHY: zod makes new objects, of which nothing is known of how their numbers are written. */
function withNumbers<Data>(data: Data, body: Fields): Data {
  for (const [name, value] of Object.entries(data ?? {})) copyNumbers(value, body[name]);
  return data;
}

function copyNumbers(value: unknown, from: unknown): void {
  if (Array.isArray(value) && Array.isArray(from)) for (const [at, one] of value.entries()) copyNumbers(one, from[at]);
  else if (isFields(value) && isFields(from)) withWrittenNumbers(value, from);
}

/** An unknown field lies within the object that has it. */
function pathOf(issue: z.core.$ZodIssue): readonly PropertyKey[] {
  return issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
}

/** Many times more fields than any client sends. */
const maxFields = 128;
const longestField = 128;

/**
 * @throws EspalierError REQUEST_INVALID for too many or too long names, before a schema copies unknown fields or their names are
 *   compared
 */
function checkBounds(body: unknown): void {
  if (!isFields(body)) return;
  const names = Object.keys(body);
  if (names.length > maxFields) {
    const problem = `${names.length} fields came, and at most ${maxFields} are taken`;
    throw new EspalierError('REQUEST_INVALID', { param: 'body', problem });
  }
  for (const name of names) {
    const isName = name.length <= longestField && name !== '__proto__';
    if (!isName)
      throw new EspalierError('REQUEST_INVALID', { param: clip(name), problem: 'it is the name of no field' });
  }
}

/** WHY: a client may send megabytes, and an error repeats them in the answer and in the log. */
function clip(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)}…`;
}
