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
  readonly slowdown: SlowdownEvidence;
}

/**
 * Logarithms of the latency of the first run of a mirrored request by that of the second, where both were measured in the same way.
 *
 * WHY by who was first: a run directly after an answer took three times as long as the next one of the same version, since the event
 * loop was still busy with the answer. Such an effect of the order is in both groups, and their difference is free of it.
 */
export interface SlowdownEvidence {
  readonly stableFirst: Moments;
  readonly candidateFirst: Moments;
}

export function createSlowdownEvidence(): SlowdownEvidence {
  return { stableFirst: createMoments(), candidateFirst: createMoments() };
}

export function createCallEvidence(): CallEvidence {
  return { calls: 0, failures: 0, latency: createMoments() };
}

export function createMirrorEvidence(): MirrorEvidence {
  return {
    divergence: createMoments(),
    agreement: createMoments(),
    entropy: createMoments(),
    slowdown: createSlowdownEvidence(),
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

/** How long both runs of a mirrored request took, measured in the same way, and which of them came first. */
export interface MirroredLatencies {
  readonly stableMs: number;
  readonly candidateMs: number;
  readonly first: 'stable' | 'candidate';
}

export function addSlowdown({ slowdown }: MirrorEvidence, { stableMs, candidateMs, first }: MirroredLatencies): void {
  const ratio = logOf(candidateMs) - logOf(stableMs);
  if (first === 'stable') addSample(slowdown.stableFirst, -ratio);
  else addSample(slowdown.candidateFirst, ratio);
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

/** Where the true means of what was compared lie; undefined where too little was compared to say anything. */
export interface MeanIntervals {
  readonly divergence: Interval | undefined;
  readonly agreement: Interval | undefined;
}

/**
 * The bounds by which a roll-out is judged, for one look and within what the measures can be.
 * @param error  probability that the truth is beyond both ends together
 */
export function meanIntervals(
  { divergence, agreement }: MirrorEvidence,
  limits: MirrorLimits,
  error = 0.05,
): MeanIntervals {
  const within = (moments: Moments, range: number): Interval | undefined => {
    if (moments.count < 2) return undefined;
    const { least, most } = bernsteinInterval(moments, range, error / 2);
    return { least: Math.max(0, least), most: Math.min(range, most) };
  };
  return { divergence: within(divergence, divergenceCap(limits)), agreement: within(agreement, 1) };
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

/** Logarithm of a latency in ms; what a clock cannot resolve counts as a microsecond. */
export function logOf(latencyMs: number): number {
  return Math.log(Math.min(Math.max(latencyMs, 1e-3), 1e12));
}
