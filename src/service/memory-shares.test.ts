import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GivenMemory, shareMemory } from './memory-shares.ts';

const gigabyte = 2 ** 30;

/** What all parts may take together, with the kept prompts. */
function total({ prefixCache, jobs }: GivenMemory, { kv, adapters, job = 0 }: ReturnType<typeof shareMemory>): number {
  return kv + (prefixCache ?? kv / 8) + adapters + job * (jobs?.maxJobs ?? 1);
}

describe('the shares of the memory', () => {
  it('are a half and a quarter without jobs, and smaller by a quarter beside them', () => {
    const available = 64 * gigabyte;
    expect(shareMemory(available, {})).toEqual({
      available,
      kv: 32 * gigabyte,
      adapters: 16 * gigabyte,
      job: undefined,
    });
    expect(shareMemory(available, { jobs: { maxJobs: 2 } })).toEqual({
      available,
      kv: 24 * gigabyte,
      adapters: 12 * gigabyte,
      job: 8 * gigabyte,
    });
  });

  it('believe what was given, and share what that leaves', () => {
    const available = 16 * gigabyte;
    const given = { kv: 14 * gigabyte, prefixCache: 0, jobs: { memory: gigabyte / 2 } };
    expect(shareMemory(available, given)).toMatchObject({
      kv: 14 * gigabyte,
      adapters: 1.5 * gigabyte,
      job: gigabyte / 2,
    });
    expect(shareMemory(available, { kv: 20 * gigabyte })).toMatchObject({
      kv: 20 * gigabyte,
      adapters: gigabyte / 4,
    });
  });

  it('fit together whatever is on, unless more was given, or less is there than all parts need', () => {
    const bytes = fc.option(fc.integer({ min: 1, max: 40 * gigabyte }), { nil: undefined });
    const jobs = fc.record({ memory: bytes, maxJobs: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }) });
    const given = fc.record({
      kv: bytes,
      prefixCache: bytes,
      adapters: bytes,
      jobs: fc.option(jobs, { nil: undefined }),
    });
    fc.assert(
      fc.property(given, fc.integer({ min: 1, max: 512 * gigabyte }), (asked, available) => {
        const shares = shareMemory(available, asked);
        const { kv, prefixCache, adapters, jobs: ofJobs } = asked;
        const trainings = ofJobs?.maxJobs ?? 1;
        const given = { kv: kv ?? 0, adapters: adapters ?? 0, job: ofJobs?.memory ?? 0 };
        const taken = total(
          { prefixCache: prefixCache ?? (kv === undefined ? 0 : undefined), jobs: ofJobs },
          { available, ...given },
        );
        const { job = gigabyte } = shares;
        const isAtLeast = shares.kv <= gigabyte / 16 || shares.adapters <= gigabyte / 4 || job <= gigabyte / 2;
        const least = isAtLeast ? (gigabyte / 2) * (1 + trainings) : 0;
        expect(total(asked, shares)).toBeLessThanOrEqual(Math.max(available, taken) + least + 1);
      }),
    );
  });
});
