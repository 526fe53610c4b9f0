/** What is known of two distributions when only the likeliest tokens of the stable version are kept. */
export interface Truncated {
  /** Log-probabilities of the k tokens that the stable version finds likeliest. */
  readonly stable: readonly number[];
  /** Log-probabilities that the candidate gives the same tokens, in the same order. */
  readonly candidate: readonly number[];
  /** Smallest log-probability that the candidate gives any token, if known. */
  readonly candidateLeast?: number | undefined;
}

export interface DivergenceBounds {
  readonly least: number;
  readonly most: number;
}

/**
 * Bounds KL(stable || candidate) of whole distributions, of which the tokens beyond the first k are known by their sum only.
 *
 * Joining them to one token can only make the divergence smaller (log-sum inequality): that is `least`. What is missing is
 * p_rest KL(p | rest || q | rest). No token of the rest has more than the k-th probability p_k in the stable version, and none has less
 * than q_least in the candidate, so the missing part is at most p_rest (ln(p_k / p_rest) - ln(q_least / q_rest)). Without q_least it has
 * no bound.
 *
 * @see Cover & Thomas 2006, "Elements of information theory", theorem 2.7.1
 */
export function truncatedDivergence({ stable, candidate, candidateLeast }: Truncated): DivergenceBounds {
  const [pRest, qRest] = [restOf(stable), restOf(candidate)];
  const kept = stable.reduce((sum, logP, i) => {
    const p = Math.exp(logP);
    return p > 0 ? sum + p * (logP - (candidate[i] ?? -Infinity)) : sum;
  }, 0);
  if (pRest === 0) return { least: Math.max(kept, 0), most: Math.max(kept, 0) };
  const joined = Math.max(kept + pRest * Math.log(pRest / qRest), 0);
  const smallest = Math.min(...stable);
  const missing =
    candidateLeast === undefined || qRest === 0
      ? Infinity
      : pRest * (Math.min(smallest, Math.log(pRest)) - Math.log(pRest) - (candidateLeast - Math.log(qRest)));
  return { least: joined, most: joined + Math.max(missing, 0) };
}

/** Rounding of the sum leaves about this much where nothing is left. */
const rounding = 1e-12;

function restOf(logProbabilities: readonly number[]): number {
  const rest = 1 - logProbabilities.reduce((sum, value) => sum + Math.exp(value), 0);
  return rest > rounding ? rest : 0;
}
