import { z } from 'zod';
import { didYouMean } from '../../core/index.ts';

/** The first problem of a manifest in words: where it is, and what was expected there. */
export interface ManifestProblem {
  readonly place: string;
  readonly problem: string;
}

/** Says what a schema expected and what came. It is given to the schema when it parses. */
export function issueText(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : [];
      const [key = ''] = issue.keys;
      const near = didYouMean(key, known);
      return `${shown(key)} is not known.${near === '' ? ` Known are ${known.join(', ')}.` : near}`;
    }
    case 'invalid_type':
      return issue.input === undefined
        ? 'it is missing'
        : `${kindOf(issue.expected)} is expected, got ${shown(issue.input)}`;
    case 'invalid_value':
      return `${issue.values.map(shown).join(' or ')} is expected, got ${shown(issue.input)}`;
    case 'invalid_format':
      return `${formOf(issue.pattern)} is expected, got ${shown(issue.input)}`;
    case 'too_small':
    case 'too_big': {
      const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
      const what =
        issue.inclusive === false ? bound.replace('at least', 'more than').replace('at most', 'less than') : bound;
      return `${what} is expected, got ${Array.isArray(issue.input) ? issue.input.length : shown(issue.input)}`;
    }
    case 'invalid_union':
      return `true, false or weights is expected, got ${shown(issue.input)}`;
    default:
      return `another form is expected, got ${shown(issue.input)}`;
  }
}

function kindOf(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a mapping',
    record: 'a mapping',
  };
  return words[expected] ?? expected;
}

function formOf(pattern: unknown): string {
  const text = String(pattern);
  if (text.includes(':[')) return 'a fingerprint such as safetensors-1:<64 hexadecimal digits>';
  return text.includes('64}$') ? 'a SHA-256 of 64 hexadecimal digits' : 'a name of letters, digits, ".", "_" and "-"';
}

/** A value as a message shows it: on one line, and short. */
export function shown(value: unknown): string {
  const text = (
    typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value))
  ).replaceAll(/\p{Cc}/gu, ' ');
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
