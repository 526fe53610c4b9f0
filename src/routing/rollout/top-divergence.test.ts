import { describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import { divergenceOf } from './divergence.ts';
import { topDivergence, type TopTokens } from './top-divergence.ts';

/** Logits of a vocabulary; `spread` makes some tokens much likelier than others. */
function logits(seed: number, vocabulary: number, spread: number): Float32Array {
  const random = createRandom(seed, 'sample');
  return Float32Array.from({ length: vocabulary }, () => spread * (random.uniform() - 0.5));
}

function topOf(row: Float32Array, count: number): TopTokens {
  const sum = row.reduce((total, value) => total + Math.exp(value), 0);
  return Array.from(row, (value, token) => ({ token, logprob: value - Math.log(sum) }))
    .toSorted((a, b) => b.logprob - a.logprob)
    .slice(0, count);
}

describe('the divergence of the likeliest tokens', () => {
  it('is exact if the lists are whole', () => {
    const [a, b] = [logits(1, 40, 6), logits(2, 40, 6)];
    const exact = divergenceOf(a, b);
    const found = topDivergence(topOf(a, 40), topOf(b, 40));
    expect(found?.divergence).toBeCloseTo(exact?.divergence ?? Number.NaN, 5);
    expect(found?.stableEntropy).toBeCloseTo(exact?.stableEntropy ?? Number.NaN, 5);
    expect(found?.isAgreed).toBe(exact?.isAgreed);
  });

  it('is never too large, and neither are the entropies, for any two distributions', () => {
    let [nearest, all] = [0, 0];
    for (let seed = 0; seed < 300; seed++) {
      const spread = [0.1, 2, 8, 20][seed % 4] ?? 1;
      const a = logits(seed, 60, spread);
      const b = seed % 3 === 0 ? a.map((value, i) => value + 0.2 * Math.sin(i)) : logits(seed + 1000, 60, spread);
      const exact = divergenceOf(a, b);
      if (exact === undefined) throw new Error('not finite');
      for (const count of [1, 5, 20]) {
        const found = topDivergence(topOf(a, count), topOf(b, count));
        if (found === undefined) throw new Error('nothing found');
        expect(found.divergence).toBeLessThanOrEqual(exact.divergence + 1e-5);
        expect(found.divergence).toBeGreaterThanOrEqual(0);
        expect(found.stableEntropy).toBeLessThanOrEqual(exact.stableEntropy + 1e-5);
        expect(found.candidateEntropy).toBeLessThanOrEqual(exact.candidateEntropy + 1e-5);
        if (count === 20 && spread >= 8) [nearest, all] = [nearest + found.divergence, all + exact.divergence];
      }
    }
    // Of two distributions that have nothing in common, a good part of the divergence is seen.
    expect(nearest / all).toBeGreaterThan(0.4);
  });

  it('is large where a version always says the same token', () => {
    const a = topOf(logits(5, 60, 4), 20);
    const constant: TopTokens = [
      { token: 59, logprob: -1e-7 },
      ...a.slice(1).map(({ token }) => ({ token, logprob: -40 })),
    ];
    expect(topDivergence(a, constant)?.divergence).toBeGreaterThan(5);
    expect(topDivergence(a, constant)?.candidateEntropy).toBeLessThan(0.01);
  });

  it('is zero of a version and itself', () => {
    const a = topOf(logits(7, 60, 3), 20);
    expect(topDivergence(a, a)).toMatchObject({ divergence: 0, isAgreed: true });
  });

  it('is not there without numbers', () => {
    const a = topOf(logits(7, 60, 3), 5);
    expect(topDivergence(a, [])).toBeUndefined();
    expect(topDivergence(a, [{ token: 1, logprob: Number.NaN }])).toBeUndefined();
  });
});
