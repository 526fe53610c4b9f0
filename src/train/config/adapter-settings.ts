import { z } from 'zod';
import { nearest } from '../../core/index.ts';

/** How an adapter's numbers begin: `pissa_niter_16` takes 16 rounds of an iteration in the place of the exact decomposition. */
export const initNames = ['default', 'gaussian', 'pissa', 'olora'] as const;

const roundsOf = /^pissa_niter_([1-9]\d{0,2})$/;

/** Where an adapter's numbers come from. */
export type InitWeights =
  { readonly kind: 'uniform' | 'gaussian' | 'olora' } | { readonly kind: 'pissa'; readonly rounds: number | undefined };

export const initWeights = z
  .string({ error: `one of ${initNames.join(', ')}` })
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

const separated = z.string().transform((text) => text.split(',').map((name) => name.trim()));

/** Names of the classes of a new head. */
export const labelNames = z
  .union([separated, z.array(z.string())], { error: 'at least two names separated by commas' })
  .refine((list) => list.length > 1 && list.every((name) => name !== '') && new Set(list).size === list.length, {
    error: 'at least two different names separated by commas, such as bad,good',
  });

/** Ends of paths of modules: `classifier`. */
export const moduleNames = z
  .union([separated, z.array(z.string())], { error: 'names separated by commas' })
  .refine((list) => list.length > 0 && list.every((name) => /^[\w.]+$/.test(name)), {
    error: 'names separated by commas, such as classifier',
  });

/** Names of modules, or one regular expression: as targets are written. */
export const modulePatterns = (expected: string): z.ZodType<string | string[], string | string[]> =>
  z.union([z.string().min(1).transform(parseTargets), z.array(z.string().min(1)).min(1)], { error: expected });

/** `all-linear` and regular expressions stay one string, as in PEFT; `q_proj` and `q_proj,v_proj` are names. */
function parseTargets(text: string): string | string[] {
  if (text === 'all-linear') return text;
  const names = text.split(',').map((name) => name.trim());
  return names.every((name) => /^[\w.]+$/.test(name)) ? names : text;
}

const layersExpected = 'numbers of layers separated by commas, such as 0,1';

/** Numbers of layers: `0,1`. */
export const layerNumbers = z
  .union([z.number().transform((layer) => [layer]), separated, z.array(z.number())], { error: layersExpected })
  .refine((list) => list.length > 0 && list.every((layer) => /^\d+$/.test(String(layer))), { error: layersExpected })
  .transform((list) => list.map(Number));

/** Numbers by name or pattern of modules: JSON on the command line, a mapping in a file. */
export const numbersByModule = (expected: string): z.ZodType<Readonly<Record<string, number>>, unknown> =>
  z
    .preprocess(parseJson, z.record(z.string(), z.number(), { error: expected }))
    .refine((pattern) => Object.keys(pattern).length > 0, { error: expected });

function parseJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value; // what is no JSON is no mapping either, and is refused as such
  }
}
