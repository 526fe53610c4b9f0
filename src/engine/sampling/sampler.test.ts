import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createRandom } from '../../core/index.ts';
import { argmax, Sampler, type SamplingOptions } from './sampler.ts';

const greedy: SamplingOptions = { temperature: 0, topK: 0, topP: 1 };
const row = fc
  .array(fc.integer({ min: -60, max: 60 }), { minLength: 1, maxLength: 40 })
  .map((values) => Float32Array.from(values, (value) => value / 10));

/** Probabilities by the definition: sort everything, cut, normalize. */
function reference(logits: Float32Array, options: SamplingOptions): Map<number, number> {
  const { temperature, topK, topP, minP = 0, typicalP = 1 } = options;
  const maximum = Math.max(...logits);
  let kept = Array.from(logits, (logit, token) => ({ token, weight: Math.exp((logit - maximum) / temperature) }));
  kept = kept.filter(({ weight }) => weight >= minP);
  kept.sort((a, b) => b.weight - a.weight || a.token - b.token);
  if (topK > 0) kept = kept.slice(0, topK);
  if (typicalP < 1) kept = typicalOf(kept, typicalP);
  const wanted = topP * kept.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  let count = 0;
  while (count < kept.length && (count === 0 || sum < wanted)) sum += kept[count++]?.weight ?? 0;
  return new Map(kept.slice(0, topP < 1 ? count : kept.length).map(({ token, weight }) => [token, weight / sum]));
}

interface Weighted {
  readonly token: number;
  readonly weight: number;
}

/** The tokens with the least |−log p − H| that reach the share, likeliest first. */
function typicalOf(kept: readonly Weighted[], typicalP: number): Weighted[] {
  const total = kept.reduce((sum, { weight }) => sum + weight, 0);
  const surprise = ({ weight }: Weighted): number => -Math.log(weight / total);
  const entropy = kept.reduce((sum, one) => sum + (one.weight / total) * surprise(one), 0);
  const distance = (one: Weighted): number => Math.abs(surprise(one) - entropy);
  let sum = 0;
  const typical = kept.toSorted((a, b) => distance(a) - distance(b) || a.token - b.token);
  const count = typical.findIndex(({ weight }) => (sum += weight) >= typicalP * total) + 1;
  return typical.slice(0, count).sort((a, b) => b.weight - a.weight || a.token - b.token);
}

describe('Sampler', () => {
  it('takes the lowest id among equal logits when greedy', () => {
    expect(new Sampler(4).sample(Float32Array.of(1, 3, 3, 2), greedy, undefined)).toBe(1);
  });

  it('draws only tokens that all cuts leave', () => {
    fc.assert(
      fc.property(
        row,
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(0, 0.01, 0.3, 1),
        fc.constantFrom(1, 0.03, 0.41, 0.77, 0.983),
        fc.nat(),
        (logits, topK, p, minP, typicalP, seed) => {
          const options = { temperature: 0.7, topK, topP: p / 20, minP, typicalP };
          const allowed = reference(logits, options);
          const sampler = new Sampler(logits.length);
          const random = createRandom(seed);
          for (let draw = 0; draw < 5; draw++) expect(allowed.has(sampler.sample(logits, options, random))).toBe(true);
        },
      ),
    );
  });

  it.each([
    { temperature: 1, topK: 0, topP: 1 },
    { temperature: 0.5, topK: 3, topP: 1 },
    { temperature: 1.5, topK: 0, topP: 0.8 },
    { temperature: 1, topK: 4, topP: 0.7 },
    { temperature: 2, topK: 0, topP: 1, minP: 0.4 },
    { temperature: 1, topK: 4, topP: 0.9, minP: 0.3 },
    { temperature: 1, topK: 0, topP: 1, typicalP: 0.6 },
    { temperature: 1, topK: 0, topP: 1, typicalP: 0.2 },
    { temperature: 0.8, topK: 4, topP: 0.9, minP: 0.02, typicalP: 0.8 },
  ])('draws with the probabilities of the definition: %o', (options) => {
    const logits = Float32Array.of(0.2, 1.5, -1, 0.9, 1.1, -3);
    const sampler = new Sampler(logits.length);
    const random = createRandom(11, 'draws');
    const counts = new Map<number, number>();
    const draws = 20_000;
    for (let draw = 0; draw < draws; draw++) {
      const token = sampler.sample(logits, options, random);
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    const expected = reference(logits, options);
    expect([...counts.keys()].every((token) => expected.has(token))).toBe(true);
    for (const [token, probability] of expected) {
      // Five standard deviations of a binomial share.
      const tolerance = 5 * Math.sqrt((probability * (1 - probability)) / draws);
      expect(Math.abs((counts.get(token) ?? 0) / draws - probability)).toBeLessThanOrEqual(tolerance);
    }
  });

  it('repeats itself with the same seed, and differs with another', () => {
    const logits = new Float32Array(50);
    const draw = (seed: number): number[] => {
      const random = createRandom(seed, 'sample');
      return Array.from({ length: 20 }, () =>
        new Sampler(50).sample(logits, { temperature: 1, topK: 0, topP: 0.9 }, random),
      );
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
  });

  it('gives the likeliest tokens with log-probabilities that sum to one over the whole row', () => {
    fc.assert(
      fc.property(row, (logits) => {
        const sampler = new Sampler(logits.length);
        const { topLogprobs: top = [] } = sampler.report(logits, 0, logits.length);
        expect(top[0]?.token).toBe(argmax(logits));
        expect(top.map(({ token }) => token).toSorted((a, b) => a - b)).toEqual(Array.from(logits.keys()));
        expect(top.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0)).toBeCloseTo(1, 6);
        for (const { token, logprob } of top) expect(sampler.report(logits, token, 0)).toEqual({ logprob });
      }),
    );
  });

  it('finds the same likeliest tokens, however many are asked for', () => {
    // Few values, so that many logits are equal; more tokens than the short way keeps.
    const values = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 33, maxLength: 50 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 50 }), (integers, count) => {
        const logits = Float32Array.from(integers);
        const sampler = new Sampler(logits.length);
        const { topLogprobs: all = [] } = sampler.report(logits, 0, logits.length);
        expect(sampler.report(logits, 0, count).topLogprobs).toEqual(all.slice(0, count));
      }),
    );
  });

  it('refuses a row without a finite maximum', () => {
    expect(() => argmax(Float32Array.of(Number.NaN, Number.NaN))).toThrow(/logits that are not finite/);
    expect(() => argmax(Float32Array.of(0, Infinity))).toThrow(/logits that are not finite/);
  });

  it('draws from candidates what it draws from all logits, and tells of them the same', () => {
    const random = createRandom(5, 'candidates');
    for (let round = 0; round < 50; round++) {
      const logits = Float32Array.from({ length: 40 }, () => 8 * random.uniform());
      const order = Array.from(logits.keys()).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
      const tokens = Int32Array.from(order.slice(0, 8));
      const logSumExp = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
      const candidates = { tokens, logits: Float32Array.from(tokens, (token) => logits[token] ?? 0), logSumExp };
      const sampler = new Sampler(40);
      for (const options of [
        { temperature: 0, topK: 0, topP: 1 },
        { temperature: 0.7, topK: 8, topP: 1 },
        { temperature: 1.3, topK: 5, topP: 0.8, minP: 0.01 },
        { temperature: 1.3, topK: 6, topP: 0.9, typicalP: 0.7 },
      ]) {
        const [one, other] = [createRandom(round, 'draw'), createRandom(round, 'draw')];
        const token = sampler.draw(logits, options, one);
        expect(sampler.draw(candidates, options, other)).toBe(token);
        const [whole, few] = [sampler.report(logits, token, 3), sampler.report(candidates, token, 3)];
        expect(few.logprob).toBeCloseTo(whole.logprob, 5);
        expect(few.topLogprobs?.map((each) => each.token)).toEqual(whole.topLogprobs?.map((each) => each.token));
      }
    }
  });
});
