import { describe, expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { fuzzTargets } from './targets.ts';

const targets = await fuzzTargets();

/** A share of what `npm run fuzz` does, always the same. */
const inputs = 1000;

describe.each(targets.map((target) => [target.name, target] as const))('the reader of %s', (_, target) => {
  it('takes its own seeds', async () => {
    for (const seed of target.seeds) await expect(target.read(seed)).resolves.toBeDefined();
  });

  it('takes or refuses whatever it is given, at once and in little memory', async () => {
    const result = await fuzz(target, { inputs, seed: 1 });
    expect([...result.codes.values()].reduce((sum, count) => sum + count, result.taken)).toBe(inputs);
    expect(result.taken).toBeLessThan(inputs);
  });
});
