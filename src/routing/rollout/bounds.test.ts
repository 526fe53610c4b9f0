import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../core/index.ts';
import {
  bernsteinInterval,
  errorOfLook,
  meanDifference,
  meanInterval,
  rateDifference,
  rateInterval,
  type Interval,
} from './bounds.ts';
import { addSample, createMoments, varianceOf, type Moments } from './moments.ts';
import { normalQuantile, studentQuantile } from './normal-quantile.ts';

describe('quantiles', () => {
  // Values of SciPy 1.17.1: norm.isf and t.isf.
  it.each([
    [0.25, 0.6744897501960817],
    [0.05, 1.6448536269514729],
    [0.025, 1.9599639845400545],
    [1e-3, 3.090232306167813],
    [1e-6, 4.753424308822899],
    [1e-12, 7.034483825301131],
  ])('of the normal distribution are right for a tail of %d', (tail, expected) => {
    expect(normalQuantile(tail)).toBeCloseTo(expected, 6);
  });

  it.each([
    [0.05, 20, 1.724718242920787],
    [0.001, 30, 3.385184866829305],
    [1e-6, 20, 6.5965301483587755],
    [1e-6, 200, 4.897302102826782],
  ])("of Student's distribution are near for a tail of %d and %d degrees", (tail, degrees, expected) => {
    expect(studentQuantile(tail, degrees) / expected).toBeCloseTo(1, 2);
  });
});

describe('moments', () => {
  it('are those of the samples', () => {
    const moments = momentsOf([2, 4, 4, 4, 5, 5, 7, 9]);
    expect([moments.mean, varianceOf(moments)]).toEqual([5, expect.closeTo(32 / 7, 12)]);
  });
});

describe('intervals', () => {
  it('say nothing without samples', () => {
    const everything = { least: -Infinity, most: Infinity };
    const none = createMoments();
    expect([
      bernsteinInterval(none, 1, 0.05),
      meanInterval(none, 0.05),
      meanDifference(none, none, 0.05),
      rateDifference({ hits: 0, count: 0 }, { hits: 1, count: 9 }, 0.05),
    ]).toEqual([everything, everything, everything, everything]);
    expect(rateInterval({ hits: 0, count: 0 }, 0.05)).toEqual({ least: 0, most: 1 });
  });

  it('of a rate without failures, or with nothing else, are exact', () => {
    const [none, all] = [rateInterval({ hits: 0, count: 100 }, 0.05), rateInterval({ hits: 100, count: 100 }, 0.05)];
    expect([none.least, none.most, all.least, all.most]).toEqual([
      0,
      expect.closeTo(1 - 0.05 ** 0.01, 9),
      expect.closeTo(0.05 ** 0.01, 9),
      1,
    ]);
  });

  it('by Bernstein follow the formula', () => {
    const moments: Moments = { count: 101, mean: 0.5, squares: 4 };
    const log = Math.log(2 / 0.01);
    const width = Math.sqrt((2 * 0.04 * log) / 101) + (7 * 3 * log) / 300;
    expect(bernsteinInterval(moments, 3, 0.01).most).toBeCloseTo(0.5 + width, 12);
  });
});

/** How often the truth is beyond one end of the interval, in `runs` seeded trials. */
function misses(runs: number, truth: number, interval: (random: Random) => Interval): number {
  const random = createRandom(7, 'coverage');
  let count = 0;
  for (let i = 0; i < runs; i++) {
    const { least, most } = interval(random);
    if (truth > most || truth < least) count++;
  }
  return count / runs;
}

describe('in simulation, at 1 % on each side', () => {
  const error = 0.01;
  const runs = 600;
  const draw = (random: Random, count: number, of: (random: Random) => number): Moments =>
    momentsOf(Array.from({ length: count }, () => of(random)));

  it('the mean of a skewed bounded variable is never missed by Bernstein', () => {
    const rare = (random: Random): number => (random.uniform() < 0.02 ? 1 : 0);
    expect(misses(runs, 0.02, (random) => bernsteinInterval(draw(random, 100, rare), 1, error))).toBeLessThan(0.02);
    // By Student's distribution it is.
    expect(misses(runs, 0.02, (random) => meanInterval(draw(random, 100, rare), error))).toBeGreaterThan(0.05);
  });

  it('the difference of means misses as seldom as it says', () => {
    const missed = misses(runs, 1, (random) =>
      meanDifference(
        draw(random, 40, (of) => 1 + of.normal()),
        draw(random, 120, (of) => 3 * of.normal()),
        error,
      ),
    );
    expect(missed).toBeLessThan(0.035);
    expect(missed).toBeGreaterThan(0.005);
  });
});

describe('looking at a rate again and again', () => {
  const most = 1500;
  const stableCalls = 20_000;

  /** The exact probability that a rate at its limit is found beyond it at any of the looks. */
  function everBeyond(rate: number, isBeyond: (hits: number, count: number, look: number) => boolean): number {
    // The probability of so many failures that were not found yet.
    const chances = new Float64Array(most + 1);
    chances[0] = 1;
    let [found, look, next] = [0, 0, 20];
    for (let count = 1; count <= most; count++) {
      for (let hits = count; hits >= 0; hits--) {
        chances[hits] = (chances[hits] ?? 0) * (1 - rate) + (chances[hits - 1] ?? 0) * rate;
      }
      if (count < next) continue;
      next = Math.ceil(count * 1.3);
      look++;
      for (let hits = 0; hits <= count; hits++) {
        const chance = chances[hits] ?? 0;
        if (chance < 1e-15 || !isBeyond(hits, count, look)) continue;
        found += chance;
        chances[hits] = 0;
      }
    }
    return found;
  }

  const byBounds =
    (limit: number, stableRate: number, errorAt: (look: number) => number) =>
    (hits: number, count: number, look: number): boolean => {
      const stable = { hits: stableRate * stableCalls, count: stableCalls };
      return rateDifference({ hits, count }, stable, errorAt(look)).least > limit;
    };

  it.each([
    [0.1, 0.02],
    [0.02, 0],
    [0.022, 0.002],
    [0.07, 0.05],
  ])('errs no more often than one look may, with rates of %d and %d', (rate, stableRate) => {
    const limit = rate - stableRate;
    for (const error of [0.05, 0.01 / 18]) {
      const shared = byBounds(limit, stableRate, (look) => errorOfLook(error, look));
      expect(everBeyond(rate, shared)).toBeLessThan(error);
    }
  });

  it('would err more often with score intervals, and much more with the whole error at each look', () => {
    const [limit, error] = [0.02, 0.01 / 18];
    // Wilson 1927: the lower end is beyond the limit if the limit does not explain so many failures.
    const byScores =
      (errorAt: (look: number) => number) =>
      (hits: number, count: number, look: number): boolean =>
        (hits / count - limit) / Math.sqrt((limit * (1 - limit)) / count) > normalQuantile(errorAt(look));
    expect(
      everBeyond(
        limit,
        byScores((look) => errorOfLook(error, look)),
      ),
    ).toBeGreaterThan(10 * error);
    expect(
      everBeyond(
        limit,
        byScores(() => 0.05),
      ),
    ).toBeGreaterThan(0.25);
  });
});

function momentsOf(samples: readonly number[]): Moments {
  const moments = createMoments();
  for (const sample of samples) addSample(moments, sample);
  return moments;
}
