/** Llama 3.1: slow frequencies are divided by the factor, fast ones stay, and those between are interpolated. */
export interface Llama3Scaling {
  readonly kind: 'llama3';
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalLength: number;
}

/**
 * Computes the frequencies of Llama 3.1. r is the number of turns that a frequency makes over the original length:
 *
 *   s = clamp((r − low) / (high − low), 0, 1);  f' = (1 − s)·f / factor + s·f
 *
 * @param plain  [dims / 2]
 */
export function llama3Rope(plain: Float64Array, scaling: Llama3Scaling): Float64Array {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalLength } = scaling;
  return plain.map((frequency) => {
    const turns = (originalLength * frequency) / (2 * Math.PI);
    const share = clamp((turns - low) / (high - low));
    return ((1 - share) * frequency) / factor + share * frequency;
  });
}

/** YaRN: fast frequencies stay, slow ones are divided by the factor, and those between are interpolated. */
export interface YarnScaling {
  readonly kind: 'yarn';
  readonly factor: number;
  readonly originalLength: number;
  /** Frequencies that make more turns than this over the original length stay unchanged. */
  readonly betaFast: number;
  /** Frequencies that make fewer turns than this are divided by the whole factor. */
  readonly betaSlow: number;
  /** Whether the ends of the ramp are rounded outwards to whole coordinates. */
  readonly truncate: boolean;
  /** Factor of cosines and sines. */
  readonly magnitude: number;
}

/** @see Peng et al. 2023 (YaRN), section 3.2 */
export function yarnRope(plain: Float64Array, scaling: YarnScaling & { readonly theta: number }): Float64Array {
  const dims = 2 * plain.length;
  const coordinate = (turns: number): number =>
    (dims * Math.log(scaling.originalLength / (turns * 2 * Math.PI))) / (2 * Math.log(scaling.theta));
  const [fast, slow] = [coordinate(scaling.betaFast), coordinate(scaling.betaSlow)];
  const start = Math.max(scaling.truncate ? Math.floor(fast) : fast, 0);
  const end = Math.min(scaling.truncate ? Math.ceil(slow) : slow, dims - 1);
  const width = start === end ? 0.001 : end - start; // a ramp of width 0 would cause a division by 0
  return plain.map((frequency, i) => {
    const share = clamp((i - start) / width);
    return share * (frequency / scaling.factor) + (1 - share) * frequency;
  });
}

/** LongRoPE: each frequency has two divisors, one for rows up to the original length and one for longer rows. */
export interface LongRopeScaling {
  readonly kind: 'longrope';
  /** [dims / 2] */
  readonly shortFactors: readonly number[];
  readonly longFactors: readonly number[];
  readonly originalLength: number;
  /** Factor of cosines and sines. */
  readonly magnitude: number;
}

/** @see Ding et al. 2024 (LongRoPE), section 3 */
export function longRope(plain: Float64Array, scaling: LongRopeScaling, beyond: boolean): Float64Array {
  const factors = beyond ? scaling.longFactors : scaling.shortFactors;
  return plain.map((frequency, i) => frequency / (factors[i] ?? NaN));
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
