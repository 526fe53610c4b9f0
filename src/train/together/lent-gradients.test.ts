import { describe, expect, it } from 'vitest';
import { LentGradients } from './lent-gradients.ts';

describe('memory for gradients that is lent', () => {
  it('is another for each that has some, and waited for when there is no more', async () => {
    using lent = new LentGradients([{ name: 'a', shape: [2] }]);
    await lent.lend([0, 1], 2);
    const [first, second] = [lent.of(0), lent.of(1)];
    expect(first).toBeDefined();
    expect(second).not.toBe(first);
    let isLent = false;
    const third = lent.lend([0, 2], 2).then(() => (isLent = true));
    await new Promise(setImmediate);
    expect(isLent).toBe(false);
    expect(lent.of(2)).toBeUndefined();
    lent.giveBack(1);
    lent.giveBack(1);
    await third;
    expect(lent.of(2)).toBe(second);
    expect(lent.of(1)).toBeUndefined();
    expect(lent.of(0)).toBe(first);
  });
});
