/** How the distributions of the next token differ at one position, in nats. */
export interface Divergence {
  /** KL(stable || candidate) = sum of p ln(p / q); Infinity if the candidate excludes a token that the stable version may draw. */
  readonly divergence: number;
  /** Whether both find the same token likeliest. */
  readonly isAgreed: boolean;
  readonly stableEntropy: number;
  readonly candidateEntropy: number;
}

/**
 * Compares two distributions over the same vocabulary. Logits will do as well as log-probabilities, since both rows are normalized here.
 * A token with -Infinity is excluded. Sums are taken in doubles.
 *
 * @param stable     f32 [vocab]
 * @param candidate  f32 [vocab]
 * @returns undefined if a row has NaN or +Infinity, or excludes every token
 */
export function divergenceOf(stable: Float32Array, candidate: Float32Array): Divergence | undefined {
  if (stable.length !== candidate.length) throw new RangeError('Two distributions have the same vocabulary');
  const [p, q] = [peakOf(stable), peakOf(candidate)];
  if (p === undefined || q === undefined) return undefined;
  // Weights are relative to the largest one, so that none overflows. One pass, with one exponential for each number.
  let [pSum, pLogs, qSum, qLogs, crossed] = [0, 0, 0, 0, 0];
  for (let i = 0; i < stable.length; i++) {
    const [pLog, qLog] = [(stable[i] ?? 0) - p.largest, (candidate[i] ?? 0) - q.largest];
    const [pWeight, qWeight] = [Math.exp(pLog), Math.exp(qLog)];
    pSum += pWeight;
    qSum += qWeight;
    // WHY: 0 · ln 0 is 0 here, and would be NaN.
    if (qWeight > 0) qLogs += qWeight * qLog;
    if (pWeight === 0) continue;
    pLogs += pWeight * pLog;
    crossed += pWeight * (pLog - qLog);
  }
  return {
    // WHY not below 0: rounding alone makes the divergence of two equal rows negative.
    divergence: Math.max(crossed / pSum + Math.log(qSum / pSum), 0),
    isAgreed: p.likeliest === q.likeliest,
    stableEntropy: Math.max(Math.log(pSum) - pLogs / pSum, 0),
    candidateEntropy: Math.max(Math.log(qSum) - qLogs / qSum, 0),
  };
}

function peakOf(logits: Float32Array): { readonly largest: number; readonly likeliest: number } | undefined {
  let [largest, likeliest] = [-Infinity, 0];
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] ?? Number.NaN;
    if (!(logit < Infinity)) return undefined;
    if (logit > largest) [largest, likeliest] = [logit, i];
  }
  return largest === -Infinity ? undefined : { largest, likeliest };
}
