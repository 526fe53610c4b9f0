import { z } from 'zod';
import type { ConstraintSpec } from '../constrain/index.ts';

const expected = "'json', { schema, strict }, { regex } or { choices }";

/** The form of an answer: any JSON object, JSON of a schema, a text that an expression matches as a whole, or one of several texts. */
export const answerFormat = z.union(
  [
    z.literal('json'),
    z
      .strictObject({
        schema: z.union([z.record(z.string(), z.unknown()), z.boolean()]),
        /** false: what forms cannot keep of the schema is left out. Default: it is refused. */
        strict: z.boolean().optional(),
      })
      .readonly(),
    z.strictObject({ regex: z.string().min(1) }).readonly(),
    z.strictObject({ choices: z.array(z.string()).min(1).readonly() }).readonly(),
  ],
  { error: expected },
);

/** The form as `constrain` takes it. */
export function constraintSpecOf(format: z.output<typeof answerFormat>): ConstraintSpec {
  if (format === 'json') return { kind: 'json-object' };
  if ('schema' in format) return { kind: 'json-schema', schema: format.schema, isLoose: format.strict === false };
  if ('regex' in format) return { kind: 'regex', pattern: format.regex };
  return { kind: 'choice', choices: format.choices };
}
