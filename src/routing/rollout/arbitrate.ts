import {
  bernsteinInterval,
  errorOfLook,
  meanDifference,
  meanInterval,
  rateDifference,
  type Interval,
} from './bounds.ts';
import {
  divergenceCap,
  mirrorLimits,
  type CallEvidence,
  type MirrorEvidence,
  type SlowdownEvidence,
} from './evidence.ts';
import type { Moments } from './moments.ts';
import type { RolloutSettings, RolloutStep } from './rollout-settings.ts';

export type Verdict = 'successful' | 'failed' | 'inconclusive';

export const metrics = ['divergence', 'agreement', 'entropy', 'errors', 'latency', 'slowdown'] as const;

export type Metric = (typeof metrics)[number];

/** What the samples say of one metric: where its true value lies, and on which side of the limit. */
export interface Finding {
  readonly metric: Metric;
  readonly verdict: Verdict;
  readonly observed: number;
  readonly least: number;
  readonly most: number;
  readonly limit: number;
  readonly samples: number;
}

export interface Arbitration {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
}

export interface ArbitrationInput {
  readonly settings: RolloutSettings;
  readonly step: RolloutStep;
  /** Of this step. */
  readonly candidate: CallEvidence;
  /** Of this step. */
  readonly mirror: MirrorEvidence;
  /** Of the whole roll-out, since the last step has no calls of the stable version. */
  readonly stable: CallEvidence;
  /** Differences of both versions' answers in this step, as logarithms. */
  readonly latency: Moments;
  /** Which look at the samples of this step this is, from 1. */
  readonly look: number;
  /** Which look at which the step may be successful, from 1; undefined if it may not yet. */
  readonly passLook: number | undefined;
}

/**
 * Judges a candidate by the samples so far. A metric has failed if its whole interval is beyond the limit, and is successful if its whole
 * interval is within it. One that failed fails the candidate; all that the step collects must be successful.
 *
 * Samples are looked at again and again, and each look could be wrong. So the k-th look of a step may be wrong with 1 / (k (k + 1)) of
 * the whole probability, which sums to 1 over any number of looks. Rolling back shares it among steps and metrics too. Passing does not:
 * a candidate beyond one limit must pass that limit in every step.
 */
export function arbitrate(input: ArbitrationInput): Arbitration {
  const { settings, step, look, passLook } = input;
  const { falseRollback, falsePromotion } = settings.limits;
  const failError = errorOfLook(falseRollback / (settings.steps.length * metrics.length), look);
  const passError = passLook === undefined ? undefined : errorOfLook(falsePromotion, passLook);
  const findings = metrics.map((metric) => findingOf(metric, measureOf(metric, input), failError, passError));
  const required = metricsOf(step);
  const isSuccessful = findings.every(({ metric, verdict }) => verdict === 'successful' || !required.includes(metric));
  if (findings.some(({ verdict }) => verdict === 'failed')) return { verdict: 'failed', findings };
  return { verdict: isSuccessful ? 'successful' : 'inconclusive', findings };
}

/**
 * What a step collects, and therefore has to show. Where the candidate has all keys, nothing of the stable version is left that its latency
 * could be compared with at the same time.
 */
function metricsOf({ share, mirror }: RolloutStep): readonly Metric[] {
  const mirrored: readonly Metric[] = mirror > 0 ? ['divergence', 'agreement', 'entropy'] : [];
  return [...mirrored, 'errors', ...(share > 0 && share < 1 ? (['latency'] as const) : [])];
}

/** A metric that is good up to its limit, or from its limit on. */
interface Measure {
  readonly observed: number;
  readonly limit: number;
  readonly isFloor: boolean;
  readonly samples: number;
  interval(error: number): Interval;
}

function findingOf(metric: Metric, measure: Measure, failError: number, passError: number | undefined): Finding {
  const { observed, limit, isFloor, samples } = measure;
  const wide = measure.interval(failError);
  const facts = { metric, observed, least: wide.least, most: wide.most, limit, samples };
  if (isFloor ? wide.most < limit : wide.least > limit) return { ...facts, verdict: 'failed' };
  const narrow = passError === undefined ? undefined : measure.interval(passError);
  const isWithin = narrow !== undefined && (isFloor ? narrow.least >= limit : narrow.most <= limit);
  return { ...facts, verdict: isWithin ? 'successful' : 'inconclusive' };
}

function measureOf(
  metric: Metric,
  { settings: { limits, noise }, candidate, mirror, stable, latency }: ArbitrationInput,
): Measure {
  switch (metric) {
    case 'divergence': {
      const cap = divergenceCap(mirrorLimits(limits, noise));
      const limit = limits.divergence + noise.divergence;
      return ofMean(mirror.divergence, limit, false, (error) => bernsteinInterval(mirror.divergence, cap, error));
    }
    case 'agreement': {
      const limit = limits.agreement * noise.agreement;
      return ofMean(mirror.agreement, limit, true, (error) => bernsteinInterval(mirror.agreement, 1, error));
    }
    case 'entropy':
      return ofMean(mirror.entropy, -noise.entropy, true, (error) => meanInterval(mirror.entropy, error));
    case 'slowdown':
      return slowdownOf(mirror.slowdown, Math.log(limits.latencyRatio));
    case 'latency':
      return ofMean(latency, Math.log(limits.latencyRatio), false, (error) => meanInterval(latency, error));
    case 'errors': {
      const [a, b] = [rateOf(candidate), rateOf(stable)];
      const observed = a.hits / Math.max(a.count, 1) - b.hits / Math.max(b.count, 1);
      const limit = limits.errorIncrease;
      return { observed, limit, isFloor: false, samples: a.count, interval: (error) => rateDifference(a, b, error) };
    }
  }
}

/**
 * The candidate's slowness, as the logarithm of a ratio. With o for what it takes longer to be first, the candidate's runs in front have
 * the mean o + slowness, and the stable version's o - slowness.
 */
function slowdownOf({ candidateFirst: a, stableFirst: b }: SlowdownEvidence, limit: number): Measure {
  const interval = (error: number): Interval => {
    const { least, most } = meanDifference(a, b, error);
    return { least: least / 2, most: most / 2 };
  };
  return { observed: (a.mean - b.mean) / 2, limit, isFloor: false, samples: a.count + b.count, interval };
}

function ofMean(
  moments: { readonly mean: number; readonly count: number },
  limit: number,
  isFloor: boolean,
  interval: (error: number) => Interval,
): Measure {
  return { observed: moments.mean, limit, isFloor, samples: moments.count, interval };
}

function rateOf({ calls, failures }: CallEvidence): { readonly hits: number; readonly count: number } {
  return { hits: failures, count: calls };
}
