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
  const [p, q] = [shapeOf(stable), shapeOf(candidate)];
  if (p === undefined || q === undefined) return undefined;
  let crossed = 0;
  for (let i = 0; i < stable.length; i++) {
    const logit = stable[i] ?? 0;
    const weight = Math.exp(logit - p.logSum);
    // WHY: 0 · ln 0 is 0 here, and would be NaN.
    if (weight > 0) crossed += weight * (logit - p.logSum - ((candidate[i] ?? 0) - q.logSum));
  }
  return {
    // WHY not below 0: rounding alone makes the difference of two equal rows negative.
    divergence: Math.max(crossed, 0),
    isAgreed: p.likeliest === q.likeliest,
    stableEntropy: p.entropy,
    candidateEntropy: q.entropy,
  };
}

interface Shape {
  readonly logSum: number;
  readonly likeliest: number;
  readonly entropy: number;
}

function shapeOf(logits: Float32Array): Shape | undefined {
  let [largest, likeliest] = [-Infinity, 0];
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] ?? Number.NaN;
    if (!(logit < Infinity)) return undefined;
    if (logit > largest) [largest, likeliest] = [logit, i];
  }
  if (largest === -Infinity) return undefined;
  let [sum, weighted] = [0, 0];
  for (const logit of logits) {
    const weight = Math.exp(logit - largest);
    sum += weight;
    if (weight > 0) weighted += weight * (logit - largest);
  }
  return { logSum: largest + Math.log(sum), likeliest, entropy: Math.max(Math.log(sum) - weighted / sum, 0) };
}
