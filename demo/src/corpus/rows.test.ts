import { describe, expect, it } from 'vitest';

import type { Policy } from './dialogue.ts';
import { baseRows, firstQuestion, policyRows, type DemoRow, type Split } from './rows.ts';

const seed = 1;
const policies: readonly Policy[] = ['strict', 'lenient', 'strict-v2'];

function questionsOf(rows: Iterable<DemoRow>): string[] {
  return [...rows].flatMap((row) => ('messages' in row ? [firstQuestion(row.messages)] : []));
}

function answersOf(policy: Policy): string[] {
  const rows = policyRows({ seed, policy, split: 'train', rows: 100 });
  return rows.map((row) =>
    'messages' in row ? (row.messages.find(({ role }) => role === 'assistant')?.content ?? '') : '',
  );
}

describe('rows of the demo', () => {
  it('are the same for the same seed, and others for another one', () => {
    expect([...baseRows({ seed, rows: 50, split: 'train' })]).toEqual([
      ...baseRows({ seed, rows: 50, split: 'train' }),
    ]);
    expect([...baseRows({ seed: 2, rows: 50, split: 'train' })]).not.toEqual([
      ...baseRows({ seed, rows: 50, split: 'train' }),
    ]);
  });

  it('never ask in training what is asked in evaluation, of no policy and not of the base', () => {
    const rows = (split: Split): Set<string> =>
      new Set([
        ...questionsOf(baseRows({ seed, rows: 3000, split })),
        ...policies.flatMap((policy) =>
          questionsOf(policyRows({ seed, policy, split, rows: split === 'eval' ? 60 : 400 })),
        ),
      ]);
    const [train, evaluation] = [rows('train'), rows('eval')];
    expect(evaluation.size).toBeGreaterThan(100);
    expect([...evaluation].filter((question) => train.has(question))).toEqual([]);
  });

  it('take turns, beginning with the user and ending with the assistant', () => {
    for (const row of baseRows({ seed, rows: 500, split: 'train' })) {
      if ('text' in row) continue;
      const roles = row.messages.map(({ role }) => role).filter((role) => role !== 'system');
      expect(roles).toEqual(roles.map((_, i) => (i % 2 === 0 ? 'user' : 'assistant')));
      expect(roles.length % 2).toBe(0);
    }
  });

  it('hold conversations as well as plain text for the base', () => {
    const rows = [...baseRows({ seed, rows: 1000, split: 'train' })];
    const texts = rows.filter((row) => 'text' in row).length;
    expect(texts).toBeGreaterThan(100);
    expect(texts).toBeLessThan(300);
  });
});

describe('the policies', () => {
  it('name a policy where they are strict, and never where they are lenient', () => {
    const naming = (policy: Policy): number => answersOf(policy).filter((answer) => /olicy S-\d\d/.test(answer)).length;
    expect(naming('strict')).toBe(100);
    expect(naming('lenient')).toBe(0);
  });

  it('offer a call back in the second version of the strict one only', () => {
    const offering = (policy: Policy): number =>
      answersOf(policy).filter((answer) => /call you back/.test(answer)).length;
    expect(offering('strict-v2')).toBe(100);
    expect(offering('strict')).toBe(0);
  });
});
