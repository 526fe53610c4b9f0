import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divergenceOf } from './divergence.ts';
import { RequestComparison } from './request-comparison.ts';
import { truncatedDivergence } from './truncated-divergence.ts';

const logit = fc.float({ min: -20, max: 20, noNaN: true });
const pairs = fc.integer({ min: 2, max: 12 }).chain((vocabulary) => fc.tuple(row(vocabulary), row(vocabulary)));

function row(vocabulary: number): fc.Arbitrary<Float32Array> {
  return fc.array(logit, { minLength: vocabulary, maxLength: vocabulary }).map((values) => Float32Array.from(values));
}

/** Probabilities by definition. */
function softmax(logits: Float32Array): number[] {
  const weights = [...logits].map((value) => Math.exp(value));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

const divergenceByDefinition = (p: readonly number[], q: readonly number[]): number =>
  p.reduce((sum, share, i) => sum + share * Math.log(share / (q[i] ?? 0)), 0);

const entropyByDefinition = (p: readonly number[]): number =>
  -p.reduce((sum, share) => sum + share * Math.log(share), 0);

describe('the divergence of two rows of logits', () => {
  it('is that of the definition, as are the entropies', () => {
    fc.assert(
      fc.property(pairs, ([stable, candidate]) => {
        const [p, q] = [softmax(stable), softmax(candidate)];
        const found = divergenceOf(stable, candidate);
        expect(found?.divergence).toBeCloseTo(divergenceByDefinition(p, q), 9);
        expect(found?.stableEntropy).toBeCloseTo(entropyByDefinition(p), 9);
        expect(found?.candidateEntropy).toBeCloseTo(entropyByDefinition(q), 9);
      }),
      { seed: 1 },
    );
  });

  it('is exactly 0 for equal rows, and the same whatever is added to a whole row', () => {
    const a = Float32Array.of(1, 2, 3);
    expect(divergenceOf(a, a)).toMatchObject({ divergence: 0, isAgreed: true });
    expect(divergenceOf(a, Float32Array.of(51, 52, 53))?.divergence).toBeCloseTo(0, 12);
  });

  it('takes excluded tokens, and is infinite if only the candidate excludes one', () => {
    const [all, two] = [Float32Array.of(0, 0, 0), Float32Array.of(0, 0, -Infinity)];
    expect(divergenceOf(two, all)?.divergence).toBeCloseTo(Math.log(1.5), 12);
    expect(divergenceOf(all, two)?.divergence).toBe(Infinity);
    expect(divergenceOf(two, two)).toMatchObject({ divergence: 0, stableEntropy: expect.closeTo(Math.log(2), 12) });
  });

  it.each([Number.NaN, Infinity])('does not exist with %d in a row', (value) => {
    const [good, bad] = [Float32Array.of(0, 1), Float32Array.of(0, value)];
    expect([divergenceOf(good, bad), divergenceOf(bad, good)]).toEqual([undefined, undefined]);
  });

  it('does not exist where every token is excluded', () => {
    expect(divergenceOf(Float32Array.of(0), Float32Array.of(-Infinity))).toBeUndefined();
  });
});

describe('a comparison of one request', () => {
  it('holds means over its positions, and leaves out rows that are not finite', () => {
    const comparison = new RequestComparison();
    expect(comparison.result()).toBeUndefined();
    const [one, other] = [Float32Array.of(0, 1), Float32Array.of(1, 0)];
    const taken = [
      comparison.add(one, one),
      comparison.add(one, other),
      comparison.add(one, Float32Array.of(0, Number.NaN)),
    ];
    const result = comparison.result();
    expect([taken, result?.positions, result?.agreement]).toEqual([[true, true, false], 2, 0.5]);
    expect(result?.divergence).toBeCloseTo((divergenceOf(one, other)?.divergence ?? 0) / 2, 12);
  });
});

describe('what the likeliest tokens say of the divergence', () => {
  it('bounds that of the whole rows', () => {
    fc.assert(
      fc.property(pairs, fc.nat({ max: 12 }), ([stable, candidate], nat) => {
        const [p, q] = [softmax(stable), softmax(candidate)];
        const order = p.map((_, i) => i).toSorted((a, b) => (p[b] ?? 0) - (p[a] ?? 0));
        const kept = order.slice(0, 1 + (nat % p.length));
        const logs = (of: readonly number[]): number[] => kept.map((i) => Math.log(of[i] ?? 0));
        const known = { stable: logs(p), candidate: logs(q) };
        const exact = divergenceByDefinition(p, q);
        const { least, most } = truncatedDivergence({ ...known, candidateLeast: Math.log(Math.min(...q)) });
        expect(least).toBeLessThan(exact + 1e-6);
        expect(most).toBeGreaterThan(exact - 1e-6);
        expect(truncatedDivergence(known).most).toBeGreaterThanOrEqual(most);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('is all of it where nothing is left out', () => {
    const logs = [0.25, 0.75].map(Math.log);
    const { least, most } = truncatedDivergence({ stable: logs, candidate: logs.toReversed() });
    expect([least, most]).toEqual([expect.closeTo(0.5 * Math.log(3), 12), least]);
  });
});
