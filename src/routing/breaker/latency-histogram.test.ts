import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestRank } from '../../core/index.ts';
import { LatencyHistogram } from './latency-histogram.ts';

describe('a histogram of latencies', () => {
  it('gives percentiles that are at most 2 % too large, and never too small', () => {
    const latencies = fc.array(fc.double({ min: 0.02, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(latencies, fc.double({ min: 0.01, max: 1, noNaN: true }), (samples, percentile) => {
        const histogram = new LatencyHistogram();
        for (const sample of samples) histogram.add(sample);
        const exact = samples.toSorted((a, b) => a - b)[nearestRank(percentile, samples.length) - 1] ?? 0;
        const given = histogram.percentile(percentile) ?? 0;
        // Rounding of the logarithm may move a sample that lies on an end of a bin.
        expect(given / exact).toBeGreaterThan(1 - 1e-9);
        expect(given / exact).toBeLessThan(1.02 + 1e-9);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('takes latencies beyond its range as those at its ends', () => {
    const histogram = new LatencyHistogram();
    for (const sample of [0, -1, Infinity]) histogram.add(sample);
    expect([histogram.count, histogram.percentile(0.5), histogram.percentile(1)]).toEqual([
      3,
      0.01,
      expect.closeTo(1e7, -6),
    ]);
  });

  it('has no percentile without samples, or after it is cleared', () => {
    const histogram = new LatencyHistogram();
    expect(histogram.percentile(0.95)).toBeUndefined();
    histogram.add(3);
    histogram.clear();
    expect(histogram.percentile(0.95)).toBeUndefined();
  });
});

describe('the nearest rank', () => {
  it('is the first sample that enough others do not exceed', () => {
    const wrong: string[] = [];
    for (let percent = 1; percent <= 100; percent++) {
      for (let count = 1; count <= 500; count++) {
        const [rank, exact] = [nearestRank(percent / 100, count), Math.ceil((percent * count) / 100)];
        if (rank !== exact) wrong.push(`${percent} % of ${count}: ${rank}, not ${exact}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
