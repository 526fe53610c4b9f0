import { z } from 'zod';
import type { ConstraintSpec } from '../../constrain/index.ts';
import type { AskedForm } from '../../answering/index.ts';
import { EspalierError } from '../../core/index.ts';

const mostChoices = 1000;
const schema = z.union([z.record(z.string(), z.unknown()), z.boolean()], { error: 'a JSON schema is expected' });
const schemaOrText = z.union([schema, z.string()], { error: 'a JSON schema is expected, or its text' });
const choices = z.array(z.string()).min(1).max(mostChoices);
const pattern = z.string().min(1);

/** The fields that say which form an answer should have: OpenAI's, vLLM's and llama.cpp's. */
export const answerFormFields = {
  response_format: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('text') }),
      z.object({ type: z.literal('json_object'), schema: schema.nullish() }),
      z.object({
        type: z.literal('json_schema'),
        json_schema: z.object({
          name: z.string().max(64).nullish(),
          description: z.string().nullish(),
          schema: schema.nullish(),
          strict: z.boolean().nullish(),
        }),
      }),
    ])
    .nullish(),
  guided_json: schemaOrText.nullish(),
  guided_regex: pattern.nullish(),
  guided_choice: choices.nullish(),
  structured_outputs: z
    .strictObject({
      json: schemaOrText.nullish(),
      json_object: z.boolean().nullish(),
      regex: pattern.nullish(),
      choice: choices.nullish(),
    })
    .nullish(),
  json_schema: schema.nullish(),
  regex: pattern.nullish(),
};

const body = z.object(answerFormFields);

/** The part of a body that says which form the answer should have. */
export type AnswerFormBody = z.output<typeof body> & {
  readonly min_tokens?: number | null | undefined;
  readonly ignore_eos?: boolean | null | undefined;
};

/**
 * The form that a body asks for.
 *
 * @returns undefined: any text
 * @throws EspalierError REQUEST_INVALID for more than one form; REQUEST_UNSUPPORTED together with `min_tokens` or `ignore_eos`
 */
export function answerFormOf(given: AnswerFormBody): AskedForm | undefined {
  const { structured_outputs: outputs } = given;
  const asked: readonly (readonly [string, ConstraintSpec | undefined])[] = [
    ['response_format', responseFormatOf(given.response_format)],
    ['guided_json', jsonOf('guided_json', given.guided_json)],
    ['guided_regex', regexOf(given.guided_regex)],
    ['guided_choice', choiceOf(given.guided_choice)],
    ['structured_outputs.json', jsonOf('structured_outputs.json', outputs?.json)],
    ['structured_outputs.json_object', outputs?.json_object === true ? { kind: 'json-object' } : undefined],
    ['structured_outputs.regex', regexOf(outputs?.regex)],
    ['structured_outputs.choice', choiceOf(outputs?.choice)],
    ['json_schema', jsonOf('json_schema', given.json_schema)],
    ['regex', regexOf(given.regex)],
  ];
  const [first, second] = asked.flatMap(([param, spec]) => (spec === undefined ? [] : [{ param, spec }]));
  if (first === undefined) return undefined;
  if (second !== undefined) {
    throw new EspalierError('REQUEST_INVALID', {
      param: second.param,
      problem: `an answer has one form, and ${first.param} says which`,
    });
  }
  refuseEndless(given);
  return first;
}

/** WHY: where the form is complete, only the end of the answer can follow. */
function refuseEndless({ min_tokens: least, ignore_eos: ignores }: AnswerFormBody): void {
  const problem = 'an answer with a form ends where the form is complete; leave it out';
  if ((least ?? 0) > 0) throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'min_tokens', problem });
  if (ignores === true) throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'ignore_eos', problem });
}

function responseFormatOf(format: AnswerFormBody['response_format']): ConstraintSpec | undefined {
  if (format === undefined || format === null || format.type === 'text') return undefined;
  if (format.type === 'json_object') {
    const { schema: named } = format;
    return named === undefined || named === null ? { kind: 'json-object' } : { kind: 'json-schema', schema: named };
  }
  const { schema: named, strict } = format.json_schema;
  if (named === undefined || named === null) {
    throw new EspalierError('REQUEST_INVALID', {
      param: 'response_format.json_schema.schema',
      problem: 'a JSON schema is expected',
    });
  }
  return { kind: 'json-schema', schema: named, isLoose: strict === false };
}

function jsonOf(param: string, given: string | boolean | object | null | undefined): ConstraintSpec | undefined {
  if (given === undefined || given === null) return undefined;
  return { kind: 'json-schema', schema: typeof given === 'string' ? parsed(param, given) : given };
}

function parsed(param: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EspalierError(
      'REQUEST_INVALID',
      { param, problem: 'a JSON schema is expected, and the text is not JSON' },
      { cause },
    );
  }
}

function regexOf(given: string | null | undefined): ConstraintSpec | undefined {
  return given === undefined || given === null ? undefined : { kind: 'regex', pattern: given };
}

function choiceOf(given: readonly string[] | null | undefined): ConstraintSpec | undefined {
  return given === undefined || given === null ? undefined : { kind: 'choice', choices: given };
}
