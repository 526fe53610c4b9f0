import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { openGoldenCase } from '../testing/golden-case.ts';
import { kvBytesPerToken, planKvRoom, type KvBudgetOptions } from './kv-budget.ts';

const wanted: KvBudgetOptions = { bytesPerToken: 1024, maxLength: 512, slots: 8, mostSlots: 16, budget: 2 ** 22 };

function refusalOf(options: KvBudgetOptions): EspalierError | undefined {
  try {
    planKvRoom(options);
    return undefined;
  } catch (error) {
    if (EspalierError.isInstance(error)) return error;
    throw error;
  }
}

/** Whether a plan is within its budget, and a refusal advises what fits. */
function isKept(one: KvBudgetOptions): boolean {
  const refusal = refusalOf(one);
  if (refusal === undefined) return planKvRoom(one).bytes <= one.budget;
  const asked = { ...one, slots: Number(refusal.details['slots']) };
  const advice = String(refusal.details['advice']);
  const advised = (name: string): number[] => {
    return [...advice.matchAll(new RegExp(`${name} to (\\d+)`, 'g'))].map(([, number]) => Number(number));
  };
  const fitting = [
    ...advised('maxSlots').map((slots) => ({ slots })),
    ...advised('maxLength').map((maxLength) => ({ maxLength })),
    ...advised('kvMemory').map((megabytes) => ({ budget: megabytes * 2 ** 20 })),
  ];
  return fitting.length > 0 && fitting.every((change) => refusalOf({ ...asked, ...change }) === undefined);
}

describe('planKvRoom', () => {
  it('takes what just fits', () => {
    expect(planKvRoom(wanted)).toMatchObject({ slots: 8, bytes: 2 ** 22, budget: 2 ** 22 });
  });

  it('refuses a byte more, with what is needed, what there is, and what to change', () => {
    const refusal = refusalOf({ ...wanted, budget: 2 ** 22 - 1 });
    expect(refusal?.commandLineMessage).toBe(
      'The keys and values of 8 requests at once with up to 512 tokens each need 4194304 bytes, and there are 4194303 for them. ' +
        'Set --max-slots to 7, set --max-length to 511, or raise --kv-memory to 4 MB.',
    );
  });

  it('advises nothing that does not fit either', () => {
    expect(refusalOf({ ...wanted, slots: 2, budget: 4096 })?.message).toContain(
      'them. Set maxLength to 2, or raise kvMemory to 1 MB.',
    );
    expect(refusalOf({ ...wanted, budget: 100 })?.message).toContain('them. Raise kvMemory to 4 MB.');
  });

  it('reduces slots that nobody asked for, but not below one', () => {
    expect(planKvRoom({ ...wanted, slots: undefined }).slots).toBe(8);
    expect(planKvRoom({ ...wanted, slots: undefined, budget: 2 ** 30 }).slots).toBe(16);
    expect(refusalOf({ ...wanted, slots: undefined, budget: 1000 })?.details['slots']).toBe(1);
  });

  it('gives a base without keys and values all slots', () => {
    expect(planKvRoom({ ...wanted, slots: undefined, bytesPerToken: 0, budget: 1 })).toMatchObject({
      slots: 16,
      bytes: 0,
    });
  });

  it('counts what each sequence takes whatever its length', () => {
    const room = planKvRoom({ ...wanted, bytesPerState: 1024, slots: undefined });
    expect(room).toMatchObject({ slots: 7, bytesPerState: 1024, bytes: 7 * 1024 * 513 });
    expect(() => planKvRoom({ ...wanted, bytesPerState: 1024 })).toThrow(/511/);
  });

  it('never plans beyond the budget, and what it advises fits', () => {
    const size = fc.integer({ min: 1, max: 5000 });
    const options = fc.record({
      bytesPerToken: size,
      maxLength: size,
      slots: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
      mostSlots: fc.constant(16),
      budget: fc.integer({ min: 1, max: 2 ** 31 }),
    });
    fc.assert(
      fc.property(options, (one) => {
        expect(isKept(one)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

it.each(['llama', 'gemma3', 'gpt2'])('the bytes of a token are those that the cache of %s takes', async (name) => {
  const { base } = await openGoldenCase(name);
  const { layers, kvHeads, headDim } = base.config;
  expect(kvBytesPerToken(base)).toBe(8 * layers * kvHeads * headDim);
  const { decode: _decode, ...graphs } = base.graphs;
  expect(kvBytesPerToken({ config: base.config, graphs })).toBe(0);
});
