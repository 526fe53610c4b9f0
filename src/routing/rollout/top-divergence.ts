import type { Divergence } from './divergence.ts';
import { truncatedDivergence } from './truncated-divergence.ts';

/** The likeliest tokens of a distribution, the likeliest first, with natural logarithms of their probabilities. */
export type TopTokens = readonly { readonly token: number; readonly logprob: number }[];

/**
 * Compares two distributions of which only the likeliest tokens are known. The divergence is the smallest that fits what is known, so it
 * is never too large. Entropies count all other tokens as one, so they are never too large either.
 *
 * Tokens that both lists have are compared one by one. Those that only the stable version's list has are compared together. The
 * candidate gives each of them at most the least probability of its own list, and all of them together at most what its list leaves. Of
 * what is possible, the probability is taken that makes the divergence smallest: the share that those tokens have of the rest of the
 * stable version, as far as it is allowed.
 *
 * @returns undefined if a list is empty or has a number that is no logarithm of a probability
 * @see truncatedDivergence
 */
export function topDivergence(stable: TopTokens, candidate: TopTokens): Divergence | undefined {
  if (!isUsable(stable) || !isUsable(candidate)) return undefined;
  const given = new Map(candidate.map(({ token, logprob }) => [token, logprob]));
  const [p, q]: [number[], number[]] = [[], []];
  let alone = 0;
  let count = 0;
  for (const { token, logprob } of stable) {
    const other = given.get(token);
    if (other === undefined) {
      alone += Math.exp(logprob);
      count++;
    } else {
      p.push(logprob);
      q.push(other);
    }
  }
  if (alone > 0) {
    p.push(Math.log(alone));
    q.push(Math.log(leastDistant({ alone, count, p: restOf(p.slice(0, -1)), q: restOf(q) }, candidate)));
  }
  return {
    divergence: truncatedDivergence({ stable: p, candidate: q }).least,
    isAgreed: stable[0]?.token === candidate[0]?.token,
    stableEntropy: entropyOf(stable),
    candidateEntropy: entropyOf(candidate),
  };
}

interface Alone {
  /** Probability of the tokens that only the stable version's list has, and their number. */
  readonly alone: number;
  readonly count: number;
  /** What the tokens of both lists leave in either version. */
  readonly p: number;
  readonly q: number;
}

/** The probability of these tokens in the candidate that makes the divergence smallest. */
function leastDistant({ alone, count, p, q }: Alone, candidate: TopTokens): number {
  const smallest = Math.exp(candidate.at(-1)?.logprob ?? 0);
  const left = Math.max(1 - candidate.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0), 0);
  const proportional = p > 0 ? (q * alone) / p : 0;
  return Math.min(proportional, count * smallest, left);
}

function restOf(logprobs: readonly number[]): number {
  return Math.max(1 - logprobs.reduce((sum, value) => sum + Math.exp(value), 0), 0);
}

function isUsable(tokens: TopTokens): boolean {
  return tokens.length > 0 && tokens.every(({ logprob }) => logprob <= 1e-3);
}

/** Logits are rounded, and so is their sum. */
function entropyOf(tokens: TopTokens): number {
  const rest = restOf(tokens.map(({ logprob }) => logprob));
  const known = tokens.reduce((sum, { logprob }) => {
    const weight = Math.exp(logprob);
    return weight > 0 ? sum - weight * Math.min(logprob, 0) : sum;
  }, 0);
  return known - (rest > 1e-9 ? rest * Math.log(rest) : 0);
}
