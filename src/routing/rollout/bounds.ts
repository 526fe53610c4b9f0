import { varianceOf, type Moments } from './moments.ts';
import { studentQuantile } from './normal-quantile.ts';

/** Each end is wrong with at most the given probability: the truth is below `least`, or above `most`. */
export interface Interval {
  readonly least: number;
  readonly most: number;
}

/** Says nothing. */
const everything: Interval = { least: -Infinity, most: Infinity };

/**
 * Where the mean of a bounded variable lies, for any distribution and any number of samples (empirical Bernstein bound):
 *
 *   |mean - E| <= sqrt(2 V ln(2/error) / n) + 7 range ln(2/error) / (3 (n - 1))
 *
 * @param range  largest value minus smallest value that the variable can have
 * @see Maurer & Pontil 2009, "Empirical Bernstein bounds and sample variance penalization", theorem 4
 */
export function bernsteinInterval(moments: Moments, range: number, error: number): Interval {
  const { count, mean } = moments;
  if (count < 2) return everything;
  const log = Math.log(2 / error);
  const width = Math.sqrt((2 * varianceOf(moments) * log) / count) + (7 * range * log) / (3 * (count - 1));
  return { least: mean - width, most: mean + width };
}

/** Of so many calls, so many failed. */
export interface Rate {
  readonly hits: number;
  readonly count: number;
}

/**
 * Where a probability lies, for any number of calls (Chernoff bound): all q for which so many failures, or so few, are not too unlikely,
 *
 *   n kl(hits / n, q) <= ln(1 / error),   kl(p, q) = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q))
 *
 * WHY not the score interval: it errs several times as often as stated where failures are rare and the error is small.
 * @see Hoeffding 1963, "Probability inequalities for sums of bounded random variables", theorem 1
 */
export function rateInterval({ hits, count }: Rate, error: number): Interval {
  if (count === 0) return { least: 0, most: 1 };
  const share = hits / count;
  const most = Math.log(1 / error) / count;
  return { least: furthest(share, 0, most), most: furthest(share, 1, most) };
}

/** The rate towards `end` whose divergence from the share is `most`. */
function furthest(share: number, end: 0 | 1, most: number): number {
  let [near, far] = [share, end as number];
  for (let i = 0; i < 60; i++) {
    const middle = (near + far) / 2;
    if (divergenceOfRates(share, middle) <= most) near = middle;
    else far = middle;
  }
  // WHY the far end: rounding makes the interval larger, never smaller.
  return far;
}

function divergenceOfRates(p: number, q: number): number {
  const hit = p === 0 ? 0 : p * Math.log(p / q);
  const miss = p === 1 ? 0 : (1 - p) * Math.log((1 - p) / (1 - q));
  return hit + miss;
}

/**
 * The error that the k-th look at growing samples may have, so that all looks together have at most `error`, however many there are:
 * the sum of 1 / (k (k + 1)) is 1.
 */
export function errorOfLook(error: number, look: number): number {
  return error / (look * (look + 1));
}

/** Where the difference of two probabilities lies. Each of them may be missed with half of the error. */
export function rateDifference(of: Rate, to: Rate, error: number): Interval {
  if (of.count === 0 || to.count === 0) return everything;
  const [a, b] = [rateInterval(of, error / 2), rateInterval(to, error / 2)];
  return { least: a.least - b.most, most: a.most - b.least };
}

/** Fewer samples say nothing about a mean by the normal approximation. */
const fewest = 20;

/** Where the mean lies by Student's distribution; approximate, as far as the mean of the samples is normal. */
export function meanInterval(moments: Moments, error: number): Interval {
  const { count, mean } = moments;
  if (count < fewest) return everything;
  const width = studentQuantile(error, count - 1) * Math.sqrt(varianceOf(moments) / count);
  return { least: mean - width, most: mean + width };
}

/**
 * Where the difference of two means lies, with two variances; approximate as `meanInterval`.
 * @see Welch 1947, "The generalization of Student's problem when several different population variances are involved"
 */
export function meanDifference(of: Moments, to: Moments, error: number): Interval {
  if (of.count < fewest || to.count < fewest) return everything;
  const [a, b] = [varianceOf(of) / of.count, varianceOf(to) / to.count];
  const difference = of.mean - to.mean;
  if (a + b === 0) return { least: difference, most: difference };
  const degrees = (a + b) ** 2 / (a ** 2 / (of.count - 1) + b ** 2 / (to.count - 1));
  const width = studentQuantile(error, degrees) * Math.sqrt(a + b);
  return { least: difference - width, most: difference + width };
}
