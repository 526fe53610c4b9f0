import { z } from 'zod';
import { nearest } from '../../core/index.ts';
import { parseJson, parseNames, parseWholeNumbers, type WordReader } from './read-words.ts';

/** How an adapter is initialized. `pissa_niter_16` uses an iteration of 16 rounds instead of the exact decomposition. */
const initNames = ['default', 'gaussian', 'pissa', 'olora'] as const;

/** The values of `initLoraWeights`. */
export type InitName = (typeof initNames)[number] | `pissa_niter_${number}`;

const roundsOf = /^pissa_niter_([1-9]\d{0,2})$/;

/** How an adapter is initialized. */
export type InitWeights =
  | { readonly kind: 'uniform' | 'gaussian' | 'olora' }
  | { readonly kind: 'pissa'; readonly rounds: number | undefined };

export const initWeights: z.ZodType<InitWeights, InitName> = z
  .custom<InitName>((name) => typeof name === 'string', { error: `one of ${initNames.join(', ')}` })
  .meta({ anyOf: [{ enum: [...initNames] }, { type: 'string', pattern: roundsOf.source }] })
  .transform((name, context): InitWeights => {
    if (name === 'gaussian' || name === 'olora') return { kind: name };
    if (name === 'default') return { kind: 'uniform' };
    const rounds = roundsOf.exec(name)?.[1];
    if (name === 'pissa' || rounds !== undefined)
      return { kind: 'pissa', rounds: rounds === undefined ? rounds : Number(rounds) };
    const near = nearest(name, initNames);
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
    context.addIssue({ code: 'custom', message: `one of ${initNames.join(', ')}${hint}` });
    return z.NEVER;
  });

type Names = z.ZodType<readonly string[], readonly string[]>;

/** The names of the classes of a new head. */
export const labelNames = (read: WordReader): Names =>
  read(
    z
      .array(z.string())
      .readonly()
      .refine((list) => list.length > 1 && list.every((name) => name !== '') && new Set(list).size === list.length),
    parseNames,
  );

/** What may differ when an interrupted training is gone on with. */
export const allowedChanges = ['library', 'processor', 'threads'] as const;
export type AllowedChange = (typeof allowedChanges)[number];

type Changes = z.ZodType<readonly AllowedChange[], readonly AllowedChange[]>;

export const changeNames = (read: WordReader): Changes => read(z.array(z.enum(allowedChanges)).readonly(), parseNames);

/** Names of modules or ends of their paths: `classifier`. */
export const moduleNames = (read: WordReader): Names =>
  read(
    z
      .array(z.string())
      .readonly()
      .refine((list) => list.length > 0 && list.every((name) => /^[\w.]+$/.test(name))),
    parseNames,
  );

type Patterns = z.ZodType<string | readonly string[], string | readonly string[]>;

/** Names of modules or one regular expression, in the form of targets. */
export const modulePatterns = (expected: string): Patterns =>
  z.union([z.string().min(1).transform(parseTargets), z.array(z.string().min(1)).min(1).readonly()], {
    error: expected,
  });

/** `all-linear` and regular expressions stay one string, as in PEFT; `q_proj` and `q_proj,v_proj` are names. */
function parseTargets(text: string): string | string[] {
  if (text === 'all-linear') return text;
  const names = parseNames(text);
  return names.every((name) => /^[\w.]+$/.test(name)) ? names : text;
}

type LayerNumbers = z.ZodType<readonly number[], number | readonly number[]>;

/** Numbers of layers. */
export const layerNumbers = (read: WordReader): LayerNumbers =>
  read(
    z
      .union([z.number().transform((layer) => [layer]), z.array(z.number()).readonly()])
      .refine((list) => list.length > 0 && list.every((layer) => Number.isSafeInteger(layer) && layer >= 0)),
    parseWholeNumbers,
  );

type NumbersByModule = z.ZodType<Readonly<Record<string, number>>, Readonly<Record<string, number>>>;

/** Numbers by names or patterns of modules: JSON on the command line, a mapping in a file. */
export const numbersByModule = (read: WordReader): NumbersByModule =>
  read(
    z
      .record(z.string(), z.number())
      .readonly()
      .refine((pattern) => Object.keys(pattern).length > 0),
    parseJson,
  );

/** The expected form of lists and mappings: as a value in code, and as a word on the command line. */
export const listExpectations: Readonly<Record<string, { readonly value: string; readonly word: string }>> = {
  labels: {
    value: 'at least two different names, such as ["bad", "good"]',
    word: 'at least two different names separated by commas, such as bad,good',
  },
  allowChanged: {
    value: `names of ${allowedChanges.join(', ')}, such as ["threads"]`,
    word: `names of ${allowedChanges.join(', ')} separated by commas, such as library,threads`,
  },
  modulesToSave: { value: 'names such as ["classifier"]', word: 'names separated by commas, such as classifier' },
  layersToTransform: {
    value: 'numbers of layers, such as [0, 1]',
    word: 'numbers of layers separated by commas, such as 0,1',
  },
  learningRatePattern: {
    value: 'learning rates above 0 by name or pattern, such as { lora_B: 1e-3 }',
    word: 'learning rates above 0 by name or pattern, such as {"lora_B": 1e-3}',
  },
  rankPattern: {
    value: 'ranks by name or pattern, such as { q_proj: 16 }',
    word: 'ranks by name or pattern, such as {"q_proj": 16}',
  },
  alphaPattern: {
    value: 'alphas by name or pattern, such as { q_proj: 32 }',
    word: 'alphas by name or pattern, such as {"q_proj": 32}',
  },
};
