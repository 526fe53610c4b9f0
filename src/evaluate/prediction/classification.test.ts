import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { classificationOf } from './classification.ts';

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
