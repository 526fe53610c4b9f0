import type { Random } from '../core/index.ts';

/** Numbers of tokens, as a distribution. */
export type Lengths =
  | { readonly kind: 'fixed'; readonly tokens: number }
  /** Both ends included. */
  | { readonly kind: 'uniform'; readonly least: number; readonly most: number }
  /** exp(ln median + sigma · z), z normal, cut to [1, most]. */
  | { readonly kind: 'lognormal'; readonly median: number; readonly sigma: number; readonly most: number };

/** The forms of `parseLengths`, for error messages. */
export const lengthForms = '128, 64..256 or lognormal:128,0.6,1024 (median, sigma, most)';

/**
 * Reads a distribution from a command line.
 * @returns undefined if the text is none of `lengthForms`
 */
export function parseLengths(text: string): Lengths | undefined {
  const fixed = /^(\d+)$/.exec(text);
  if (fixed) return checked({ kind: 'fixed', tokens: Number(fixed[1]) });
  const uniform = /^(\d+)\.\.(\d+)$/.exec(text);
  if (uniform) return checked({ kind: 'uniform', least: Number(uniform[1]), most: Number(uniform[2]) });
  const lognormal = /^lognormal:(\d+),(\d*\.?\d+),(\d+)$/.exec(text);
  if (lognormal === null) return undefined;
  const [median, sigma, most] = lognormal.slice(1).map(Number);
  return checked({ kind: 'lognormal', median: median ?? 0, sigma: sigma ?? 0, most: most ?? 0 });
}

/** More tokens than any context has. */
const mostTokens = 1 << 24;

function checked(lengths: Lengths): Lengths | undefined {
  const [least, most] =
    lengths.kind === 'fixed'
      ? [lengths.tokens, lengths.tokens]
      : [lengths.kind === 'uniform' ? lengths.least : lengths.median, lengths.most];
  return least >= 1 && least <= most && most <= mostTokens ? lengths : undefined;
}

/** @returns a whole number from 1 */
export function drawLength(lengths: Lengths, random: Random): number {
  if (lengths.kind === 'fixed') return lengths.tokens;
  if (lengths.kind === 'uniform') return lengths.least + random.integer(lengths.most - lengths.least + 1);
  const drawn = Math.round(lengths.median * Math.exp(lengths.sigma * random.normal()));
  return Math.min(lengths.most, Math.max(1, drawn));
}
