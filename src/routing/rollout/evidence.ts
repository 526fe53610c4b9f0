import type { Interval } from './bounds.ts';
import { bernsteinInterval, meanInterval } from './bounds.ts';
import { addSample, createMoments, type Moments } from './moments.ts';
import type { Comparison } from './request-comparison.ts';
import type { Noise, RolloutLimits } from './rollout-settings.ts';

/** Calls, and how many of them failed. Logarithms of the latency in ms of those that did not. */
export interface CallEvidence {
  calls: number;
  failures: number;
  readonly latency: Moments;
}

/** What mirrored requests show, one sample a request. */
export interface MirrorEvidence {
  /** Divergence, at most `divergenceCap`. */
  readonly divergence: Moments;
  readonly agreement: Moments;
  /** Entropy of the candidate minus the allowed share of the stable version's. */
  readonly entropy: Moments;
  /** Logarithm of the candidate's latency by the stable version's, where both were measured in the same way. */
  readonly slowdown: Moments;
}

export function createCallEvidence(): CallEvidence {
  return { calls: 0, failures: 0, latency: createMoments() };
}

export function createMirrorEvidence(): MirrorEvidence {
  return {
    divergence: createMoments(),
    agreement: createMoments(),
    entropy: createMoments(),
    slowdown: createMoments(),
  };
}

/** @param latencyMs  undefined for a call that failed, or whose latency is not comparable */
export function addCall(evidence: CallEvidence, isFailure: boolean, latencyMs: number | undefined): void {
  evidence.calls++;
  if (isFailure) evidence.failures++;
  else if (latencyMs !== undefined) addSample(evidence.latency, logOf(latencyMs));
}

export function addComparison(evidence: MirrorEvidence, comparison: Comparison, limits: MirrorLimits): void {
  const { divergence, agreement, stableEntropy, candidateEntropy } = comparison;
  addSample(evidence.divergence, Math.min(divergence, divergenceCap(limits)));
  addSample(evidence.agreement, agreement);
  addSample(evidence.entropy, candidateEntropy - limits.entropyRatio * stableEntropy);
}

export function addSlowdown(evidence: MirrorEvidence, stableMs: number, candidateMs: number): void {
  addSample(evidence.slowdown, logOf(candidateMs) - logOf(stableMs));
}

export interface MirrorLimits {
  readonly divergence: number;
  readonly entropyRatio: number;
  /** Divergence of the noise floor. */
  readonly noise: number;
}

export function mirrorLimits(limits: RolloutLimits, noise: Noise): MirrorLimits {
  return { divergence: limits.divergence, entropyRatio: limits.entropyRatio, noise: noise.divergence };
}

/**
 * A divergence counts as at most this. It is unbounded, and bounds of a mean need a bounded variable. Four times what is allowed is far
 * beyond the limit, and cutting makes a mean smaller, never larger.
 */
export function divergenceCap({ divergence, noise }: Pick<MirrorLimits, 'divergence' | 'noise'>): number {
  return 4 * (divergence + noise);
}

/**
 * The divergence and the agreement that a version has with itself, and how far its entropies lie apart: what the arithmetic alone does,
 * since rows of other batches are summed in another order. Limits of a roll-out are meant beyond it.
 *
 * @param evidence  of mirrored requests whose candidate was the stable version
 * @param entropy   of the same requests: the difference of the entropies of both runs, without its sign
 * @param limits    of the roll-outs that the floor is for
 * @param error     probability that the truth is worse
 */
export function noiseOf(evidence: MirrorEvidence, entropy: Moments, limits: RolloutLimits, error = 0.01): Noise {
  const cap = divergenceCap({ divergence: limits.divergence, noise: 0 });
  const divergence: Interval = bernsteinInterval(evidence.divergence, cap, error);
  const agreement: Interval = bernsteinInterval(evidence.agreement, 1, error);
  return {
    divergence: Math.min(divergence.most, cap),
    agreement: Math.max(agreement.least, 0.01),
    entropy: Math.max(meanInterval(entropy, error).most, 0),
  };
}

/** Of a latency in ms; what a clock cannot resolve counts as a microsecond. */
function logOf(latencyMs: number): number {
  return Math.log(Math.min(Math.max(latencyMs, 1e-3), 1e12));
}
