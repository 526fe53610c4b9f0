import type { z } from 'zod';
import { EspalierError, hintAtKey, nearest, option, optionOfKey } from '../../core/index.ts';
import { listExpectations } from './adapter-settings.ts';
import { assertConsistent } from './assert-consistent.ts';
import { type TrainConfig, type TrainOptions, trainOptionsSchema, trainWordsSchema } from './train-config.ts';

export interface ConfigSources {
  /** The settings file, if there is one; its keys may be written `learning-rate`, `learning_rate` or `learningRate`. */
  readonly file?: { readonly path: string; readonly values: Readonly<Record<string, unknown>> };
  /** Options of the command line, by camelCase name. They override the file. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/**
 * Merges the settings of a command line and a file, and checks all of them. Words may stand for numbers and lists.
 * @throws EspalierError TRAIN_CONFIG_UNKNOWN, TRAIN_CONFIG_INVALID, TRAIN_CONFIG_CONFLICT, with the option's name
 */
export function resolveConfig({ file, flags }: ConfigSources): TrainConfig {
  const fromFile = file === undefined ? {} : knownKeys(file.values, (key) => unknownInFile(file.path, key));
  const fromFlags = knownKeys(flags, (key) => unknownInCode('The command line', key));
  return checked(trainWordsSchema, { ...fromFile, ...fromFlags }, 'word');
}

/**
 * Checks the settings that a caller in code gives, and fills in the defaults.
 * @throws EspalierError the errors of `resolveConfig`
 */
export function resolveTrainOptions(options: TrainOptions): TrainConfig {
  return checked(
    trainOptionsSchema,
    knownKeys(options, (key) => unknownInCode('The settings object', key)),
    'value',
  );
}

/** By camelCase name. */
export const trainOptionNames: readonly string[] = Object.keys(trainOptionsSchema.shape);
const known = trainOptionNames;

/** The given settings, by camelCase name. */
function knownKeys(values: object, unknown: (key: string) => EspalierError): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    const name = optionOfKey(key);
    if (!known.includes(name)) throw unknown(key);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

function unknownInFile(source: string, key: string): EspalierError {
  return new EspalierError('TRAIN_CONFIG_UNKNOWN', { source, key, hint: hintAtKey(key, known) });
}

function unknownInCode(source: string, key: string): EspalierError {
  const near = nearest(optionOfKey(key), known);
  const hint = near === undefined ? '' : ` Did you mean ${near}?`;
  return new EspalierError('TRAIN_CONFIG_UNKNOWN', { source, key, hint });
}

function checked(
  schema: typeof trainOptionsSchema,
  values: Readonly<Record<string, unknown>>,
  form: 'word' | 'value',
): TrainConfig {
  const result = schema.safeParse(values);
  if (!result.success) throw invalidValue(result.error, values, form);
  assertConsistent(result.data);
  return result.data;
}

function invalidValue(
  { issues: [issue] }: z.ZodError,
  values: Readonly<Record<string, unknown>>,
  form: 'word' | 'value',
): EspalierError {
  const key = String(issue?.path[0] ?? '');
  const value = values[key];
  const actual = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  const expected = listExpectations[key]?.[form] ?? issue?.message ?? 'another value';
  return new EspalierError('TRAIN_CONFIG_INVALID', { option: option(key), expected, actual });
}
