import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { classificationOf, resultOf } from './classification.ts';

describe('resultOf', () => {
  it('scores each class for itself where any number of them may fit', () => {
    const result = resultOf(Float32Array.of(0, -2, 3), { labels: ['a', 'b', 'c'], problem: 'multi-label' });
    expect(result).toMatchObject({ labels: ['a', 'c'], logits: [0, -2, 3] });
    expect('probabilities' in result && result.probabilities[2]).toBeCloseTo(0.952574, 6);
  });

  it('gives the numbers of a base for regression as they are', () => {
    expect(resultOf(Float32Array.of(1.5), { labels: ['LABEL_0'], problem: 'regression' })).toEqual({ values: [1.5] });
  });

  it('chooses one class otherwise', () => {
    expect(resultOf(Float32Array.of(0, 2), { labels: ['a', 'b'] })).toMatchObject({ label: 'b' });
  });
});

describe('classificationOf', () => {
  it('chooses the largest logit, and gives probabilities in its order that add up to 1', () => {
    // WHY the sum: it makes -0, which equals 0 but is not the same to `toBe`, to 0.
    const logit = fc.float({ min: -1000, max: 1000, noNaN: true }).map((value) => value + 0);
    fc.assert(
      fc.property(fc.array(logit, { minLength: 1, maxLength: 9 }), (logits) => {
        const { index, label, probabilities } = classificationOf(Float32Array.from(logits), undefined);
        expect(logits[index]).toBe(Math.max(...logits));
        expect(label).toBe(String(index));
        expect(probabilities.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        expect(probabilities[index]).toBe(Math.max(...probabilities));
      }),
    );
  });

  it('calls a class by its name', () => {
    expect(classificationOf(Float32Array.of(0, 2, 1), ['bad', 'fair', 'good'])).toMatchObject({
      label: 'fair',
      index: 1,
    });
  });
});
