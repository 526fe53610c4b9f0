import { z } from 'zod';
import { didYouMean, EspalierError } from '../core/index.ts';
import type { LogitsFunction } from '../engine/index.ts';
import { providerChoices } from '../execution/index.ts';

/** Schemas of options in code. The error of each says what it expects. A string is not accepted as a number. */
export const path = z.string({ error: 'a path' }).min(1, { error: 'a path' });
/** Where models run. */
export const provider = z.enum(providerChoices, { error: `one of ${providerChoices.join(', ')}` });
export const count = wholeNumberFrom(1);
export const wholeNumber = wholeNumberFrom(0);
/** What the environment of the process must have. */
export const environmentOptions = {
  threads: count.optional(),
  spinUs: wholeNumber.optional(),
  provider: provider.optional(),
  deviceMemory: count.optional(),
};
/** Changes f32 [vocabulary] in place. */
export const logitsFunction = z.custom<LogitsFunction>((value) => typeof value === 'function', {
  error: 'functions',
});
export const signal = z.custom<AbortSignal>((value) => value instanceof AbortSignal, { error: 'an AbortSignal' });
export const paths = z.record(z.string().min(1), path, { error: 'paths by name' }).readonly();
/** Whether a base is copied before it is opened. A path is the folder for the copy. */
export const copyBase = z.union([z.boolean(), path], { error: 'true, false or the path of a folder' });

function wholeNumberFrom(least: number) {
  const error = `an integer from ${least}`;
  return z.number({ error }).refine((value) => Number.isSafeInteger(value) && value >= least, { error });
}

/**
 * Checks the options of a call.
 *
 * @param call  the name of the call in errors, such as `serve`
 * @throws EspalierError OPTION_UNKNOWN with the nearest name, OPTION_INVALID
 */
export function readOptions<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  options: unknown,
  call: string,
): z.output<z.ZodObject<Shape>> {
  if (typeof options !== 'object' || options === null) {
    const expected = 'an object of options';
    throw new EspalierError('OPTION_INVALID', { name: call, expected, actual: String(options) });
  }
  const known = Object.keys(schema.shape);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new EspalierError('OPTION_UNKNOWN', {
      call,
      name: unknown,
      hint: didYouMean(unknown, known),
      supported: known,
    });
  }
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const name = String(issue?.path[0] ?? call);
  const actual = told(Reflect.get(options, name));
  throw new EspalierError('OPTION_INVALID', { name, expected: issue?.message ?? 'another value', actual });
}

function told(value: unknown): string {
  return value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value).slice(0, 200);
}
