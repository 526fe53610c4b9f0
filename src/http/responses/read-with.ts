import type { z } from 'zod';
import { FieldProblem } from '../../chat/index.ts';
import { issueWords } from '../door/issue-words.ts';

/** Reads one value by a schema. @returns the first problem, if there is one */
export function readWith<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | FieldProblem {
  const result = schema.safeParse(value, { error: issueWords });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = (issue?.path ?? []).map((step) => (typeof step === 'number' ? step : String(step)));
  return new FieldProblem(path, issue?.message ?? 'it cannot be read');
}
