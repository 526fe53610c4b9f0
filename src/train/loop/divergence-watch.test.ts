import { describe, expect, it } from 'vitest';
import { DivergenceWatch, largestMagnitude, type WatchedStep } from './divergence-watch.ts';

const healthy: WatchedStep = { step: 1, loss: 2, gradNorm: 1, learningRate: 1e-3, largestWeight: 1, last: false };
/** What is seen after each of these steps. */
function seen(steps: readonly Partial<WatchedStep>[], { start = 1, choices = 1000 as number | undefined } = {}) {
  const watch = new DivergenceWatch(start, { choices });
  return steps.map((changes, index) => watch.after({ ...healthy, step: index + 1, ...changes }));
}
const times = (count: number, changes: Partial<WatchedStep>): Partial<WatchedStep>[] =>
  Array.from({ length: count }, () => changes);

describe('DivergenceWatch', () => {
  it('sees weights beside which the base means nothing, and weights that are not finite', () => {
    expect(seen([{ largestWeight: 1e10 }])).toEqual([expect.stringContaining('a weight has reached 1.00e+10')]);
    expect(seen([{ largestWeight: NaN }])).toEqual(['weights are no longer finite']);
  });

  it('lets a base keep the large weights that it began with', () => {
    expect(seen([{ largestWeight: 3e7 }], { start: 2.9e7 })).toEqual([undefined]);
  });

  it('sees that no gradient is left although nothing is learned', () => {
    const [first, second, third] = seen(times(3, { gradNorm: 0, loss: 7.6 }));
    expect([first, second]).toEqual([undefined, undefined]);
    expect(third).toContain('every gradient has been exactly 0 for 3 steps');
  });

  it('lets single steps teach nothing, a warm-up stand still, and what is learned be learned', () => {
    const barren = { gradNorm: 0, loss: 7.6 };
    expect(seen([barren, barren, {}, barren, barren, {}]).every((one) => one === undefined)).toBe(true);
    expect(seen(times(9, { ...barren, learningRate: 0 })).every((one) => one === undefined)).toBe(true);
    expect(seen(times(9, { gradNorm: 0, loss: 1e-6 })).every((one) => one === undefined)).toBe(true);
  });

  it('sees a loss that stays far above the beginning and above guessing', () => {
    const far = seen([...times(5, {}), ...times(20, { loss: 30 })]);
    expect(far.findIndex((one) => one !== undefined)).toBe(24);
    expect(far.at(-1)).toContain('the loss has been above 13.8 for 20 steps');
    expect(seen([{ loss: 2 }, ...times(24, { loss: 30 })]).at(-1)).toContain('the loss has been above');
  });

  it('asks for fewer such steps where the training ends', () => {
    const high = { loss: 30 };
    expect(seen([...times(5, {}), high, high, { ...high, last: true }]).at(-1)).toContain('for 3 steps');
    expect(seen([...times(5, {}), high, { ...high, last: true }]).at(-1)).toBeUndefined();
  });

  it('says nothing of a loss that is no worse than twice guessing, however good the beginning was', () => {
    const easy = times(5, { loss: 0.01 });
    expect(seen([...easy, ...times(50, { loss: 9 })]).every((one) => one === undefined)).toBe(true);
  });
});

describe('largestMagnitude', () => {
  it('takes signs off, and tells of every number that is not finite', async () => {
    expect(await largestMagnitude(Float32Array.of(1, -3, 2))).toBe(3);
    expect(await largestMagnitude(Float32Array.of(NaN, -3, 2))).toBeNaN();
    expect(await largestMagnitude(Float32Array.of(1, -Infinity))).toBeNaN();
  });
});
