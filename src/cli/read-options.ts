import { parse } from 'node:path';
import { z } from 'zod';
import { EspalierError, flagOf, parseWithNumbers, withWrittenNumbers } from '../core/index.ts';

/** Schemas for option values, which commander passes as strings. The error message of each says what it expects. */
const number = (check: (value: number) => boolean, expected: string): z.ZodType<number> =>
  z
    .union([z.number(), z.string()], { error: expected })
    .refine((value) => String(value).trim() !== '' && check(Number(value)), { error: expected })
    .transform(Number);

export const positiveInteger = number((value) => Number.isSafeInteger(value) && value > 0, 'a whole number above 0');
export const wholeNumber = number((value) => Number.isSafeInteger(value) && value >= 0, 'a whole number, 0 or more');
export const positiveNumber = number((value) => Number.isFinite(value) && value > 0, 'a number above 0');
export const nonNegativeNumber = number((value) => Number.isFinite(value) && value >= 0, 'a number, 0 or more');
export const probability = number((value) => value >= 0 && value <= 1, 'a number from 0 to 1');
export const path = z.string({ error: 'a path' }).min(1, { error: 'a path' });

/** `{"name": value}` */
export const jsonObject = z.string().transform((text, context): Readonly<Record<string, unknown>> => {
  const value = parsedOf(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return withWrittenNumbers({ ...value }, value);
  context.addIssue({ code: 'custom', message: 'a JSON object such as {"enable_thinking": false}' });
  return {};
});

function parsedOf(text: string): unknown {
  try {
    return parseWithNumbers(text);
  } catch {
    return undefined;
  }
}

/** `1,2,3` */
export const tokenIds = z
  .string()
  .regex(/^\s*\d+\s*(,\s*\d+\s*)*$/, { error: 'token ids such as 1,2,3' })
  .transform((text) => text.split(',').map(Number));

/** `DIR` or `DIR=SCALE`. A path that contains `=` needs an explicit scale. */
export const adapterSpecs = z.array(z.string().min(1)).transform((specs, context) =>
  specs.map((spec) => {
    const at = spec.lastIndexOf('=');
    if (at < 0) return { path: spec, scale: 1 };
    const scale = Number(spec.slice(at + 1));
    if (at === 0 || spec.length === at + 1 || !Number.isFinite(scale)) {
      context.addIssue({ code: 'custom', message: 'a folder, or folder=scale such as adapters/strict=0.5' });
    }
    return { path: spec.slice(0, at), scale };
  }),
);

/** `NAME=PATH`, or a path. The model of a path is named after the file. */
export const modelSpecs = z.array(z.string().min(1)).transform((specs, context) => {
  const models = specs.map((spec) => {
    const at = spec.indexOf('=');
    return at < 0 ? { name: parse(spec).name, path: spec } : { name: spec.slice(0, at), path: spec.slice(at + 1) };
  });
  const names = models.map(({ name }) => name);
  const isSound = models.every(({ name, path: file }) => /^[\w.-]{1,128}$/.test(name) && file !== '');
  if (!isSound || new Set(names).size < names.length) {
    const message = 'name=path with names of letters, digits, "_", "-" and ".", each once';
    context.addIssue({ code: 'custom', message });
  }
  return models;
});

/**
 * Parses the options of a command with a zod schema, whose messages say what each option expects.
 * @throws EspalierError CLI_BAD_VALUE with the name of the flag
 */
export function readOptions<Schema extends z.ZodType>(schema: Schema, options: unknown): z.output<Schema> {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const name = String(issue?.path[0] ?? 'the command line');
  const value = typeof options === 'object' && options !== null ? Reflect.get(options, name) : options;
  const actual = value === undefined ? 'nothing' : JSON.stringify(value);
  throw new EspalierError('CLI_BAD_VALUE', { flag: flagOf(name), expected: issue?.message ?? 'another value', actual });
}
