import { z } from 'zod';
import { describeValue, isFields } from '../../chat/index.ts';
import { nearest } from '../../core/index.ts';

/** An issue as a schema raises it: with the value that came, and the schema that refused it. */
type RawIssue = z.core.$ZodRawIssue;

const kinds: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/**
 * Says in our own words what a schema expected and what came. It is given to a schema when it parses, so that no schema has to name its
 * errors itself.
 */
export function issueWords(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `${kinds[issue.expected] ?? issue.expected} is expected, got ${describeValue(issue.input)}`;
    case 'too_small':
      return beyond(issue, `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`);
    case 'too_big':
      return beyond(issue, `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`);
    case 'invalid_value':
      return `${issue.values.map(describeValue).join(' or ')} is expected, got ${describeValue(issue.input)}`;
    case 'invalid_union':
      return unionWords(issue);
    case 'unrecognized_keys':
      return unknownField(issue.keys[0] ?? '', issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : []);
    default:
      return otherForm(issue.input);
  }
}

/** A union whose alternatives are told apart by a field names the values that this field may have. */
function unionWords(issue: RawIssue): string {
  const { input, discriminator, options } = issue;
  const value: unknown = typeof discriminator === 'string' && isFields(input) ? input[discriminator] : input;
  if (!Array.isArray(options)) return otherForm(value);
  return `${options.map(describeValue).join(' or ')} is expected, got ${describeValue(value)}`;
}

function otherForm(input: unknown): string {
  return `it does not have the form that is expected, got ${describeValue(input)}`;
}

/** What is said of a field that no route knows. */
export function unknownField(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined
    ? `no such field is known; the fields are ${known.join(', ')}`
    : `no such field is known (did you mean ${near}?)`;
}

function beyond({ origin, input }: RawIssue & { readonly origin: string }, bound: string): string {
  if (typeof input === 'string') {
    const characters = bound.endsWith(' 1') ? 'character' : 'characters';
    return `a text of ${bound} ${characters} is expected, got one of ${input.length}`;
  }
  if (Array.isArray(input)) return `a list of ${bound} is expected, got one of ${input.length}`;
  return `${origin === 'int' ? 'a whole number of ' : ''}${bound} is expected, got ${describeValue(input)}`;
}
