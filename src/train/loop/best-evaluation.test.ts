import { describe, expect, it } from 'vitest';
import { BestEvaluation } from './best-evaluation.ts';

function after(losses: readonly number[], minDelta?: number) {
  const best = new BestEvaluation(undefined, { minDelta });
  losses.forEach((loss, i) => best.after(i + 1, { loss }));
  return best.state;
}

describe('BestEvaluation', () => {
  it('remembers the lowest loss, and counts the evaluations since', () => {
    expect(after([3, 2, 2.5, 2, 4])).toEqual({ step: 2, loss: 2, since: 3 });
  });

  it('begins the count anew only where a loss is lower by more than the least improvement', () => {
    expect(after([3, 2.9, 2.8], 0.5)).toEqual({ step: 3, loss: 2.8, since: 2 });
    expect(after([3, 2.9, 2.2], 0.5)).toEqual({ step: 3, loss: 2.2, since: 0 });
  });

  it('never takes a loss that is not finite, and counts it', () => {
    expect(after([NaN, Infinity])).toBeUndefined();
    expect(after([3, NaN, NaN])).toEqual({ step: 1, loss: 3, since: 2 });
  });

  it('goes on from a state, and takes no notice of a step without an evaluation', () => {
    const best = new BestEvaluation({ step: 4, loss: 1, since: 1 });
    best.after(5, undefined);
    best.after(6, { loss: 1 });
    expect(best.state).toEqual({ step: 4, loss: 1, since: 2 });
  });
});
