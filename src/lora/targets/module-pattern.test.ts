import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { finishInSlices } from '../../core/index.ts';
import { settingsOf } from '../lora-config.ts';
import { matchPattern, matchSteps } from './module-pattern.ts';
import { PatternBudget } from './pattern-budget.ts';

const paths = ['a.b.q_proj', 'a.b.k_proj', 'q_proj', 'a.xq_proj', 'a.b.10.q_proj'];

describe('matchPattern', () => {
  it.each([
    ['q_proj', false, ['q_proj']],
    ['q_proj', true, ['a.b.q_proj', 'q_proj', 'a.b.10.q_proj']],
    ['b.q_proj', true, ['a.b.q_proj']],
    ['q_proj|k_proj', true, ['a.b.q_proj', 'a.b.k_proj', 'q_proj', 'a.b.10.q_proj']],
    ['.*q_proj', false, ['a.b.q_proj', 'q_proj', 'a.xq_proj', 'a.b.10.q_proj']],
    ['a\\.b\\.\\d+\\.q_proj', false, ['a.b.10.q_proj']],
    ['(\\w+\\.)*q_proj', false, ['a.b.q_proj', 'q_proj', 'a.b.10.q_proj']],
    ['.*b.*[0-9]+.*', false, ['a.b.10.q_proj']],
    ['(?P<x>a)\\.b\\.q_(?P=x)?proj', false, ['a.b.q_proj']],
    ['', false, []],
  ])('reads %s (end: %s) as PEFT does', (pattern, orEnd, expected) => {
    expect(matchPattern(pattern, paths, { orEnd })).toEqual(expected);
  });

  it('fits any text that is written without special characters to itself alone', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\w{1,8}$/), fc.stringMatching(/^\w{1,8}$/), (one, other) => {
        expect(matchPattern(one, [one, other, `x.${one}`])).toEqual(one === other ? [one, one] : [one]);
      }),
    );
  });

  it.each(['(a+)+!', '(.|a)*!', '(([a-z._0-9])+)+!', '(a|a)+(a|a)+!'])(
    'stops %s instead of running for years',
    (pattern) => {
      const path = 'a'.repeat(60);
      const match = (): string[] => matchPattern(pattern, [path]);
      expect(match).toThrow(expect.objectContaining({ code: 'LORA_PATTERN_INVALID' }));
    },
  );

  it('lets other tasks run between the attempts at a slow pattern', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const slow = matchSteps('(.*)(.*)(.*)(.*)(.*)(.*)!', [`${'a.'.repeat(30)}q_proj`], {});
    await expect(finishInSlices(slow)).rejects.toThrow('it takes too long; list the names of the modules instead');
    clearInterval(timer);
    expect(turns).toBeGreaterThanOrEqual(2);
  });

  describe('on a busy machine', () => {
    afterEach(() => vi.restoreAllMocks());

    it('forgives a pattern that was stopped twice, and not three times', () => {
      const test = vi.spyOn(PatternBudget.prototype, 'testGuarded');
      const match = (): string[] => matchPattern('(q_)+proj', paths);
      test.mockReturnValueOnce(undefined).mockReturnValueOnce(undefined);
      expect(match()).toEqual(['q_proj']);
      test.mockReturnValue(undefined);
      expect(match).toThrow(expect.objectContaining({ code: 'LORA_PATTERN_INVALID' }));
    });
  });

  it('has no place for a pattern of megabytes', () => {
    const match = (): string[] => matchPattern('a'.repeat(10_001), paths);
    expect(match).toThrow(expect.objectContaining({ code: 'LORA_PATTERN_INVALID' }));
  });
});

describe('a budget of time', () => {
  it('is one for all patterns, of which each alone would pass', () => {
    let now = 0;
    // Each look at the clock takes 15 ms, and a pattern that is no plain name is looked at twice.
    const budget = new PatternBudget({ now: () => (now += 15) });
    const match = (pattern: string): string[] => matchPattern(pattern, ['q_proj'], { budget });
    const patterns = ['q_proj', '(q_)*proj', '(q|_)+proj', 'k_proj'];
    const all = (): string[][] => Array.from({ length: 80 }, (_, i) => match(patterns[i % 4] ?? ''));
    expect(all).toThrow(expect.objectContaining({ code: 'LORA_PATTERN_INVALID' }));
    expect(now).toBeLessThan(2 * 550);
  });

  it('counts tests of plain names instead, which a busy machine does not change', () => {
    const slow = new PatternBudget({ now: () => Math.random() * 1e9 });
    const paths = Array.from({ length: 1000 }, (_, i) => `layers.${String(i).padStart(4, '0')}.q_proj`);
    const match = (): string[] => matchPattern('layers\\..*\\.q_proj', paths, { budget: slow });
    for (let i = 0; i < 20; i++) expect(match()).toHaveLength(1000);
    const forever = (): void => {
      for (let i = 0; i < 2000; i++) match();
    };
    expect(forever).toThrow(expect.objectContaining({ code: 'LORA_PATTERN_INVALID' }));
  });

  it('stops forty slow patterns of one configuration in the time of one', () => {
    const path = `${'a.'.repeat(30)}q_proj`;
    const slow = (i: number): string => `(.*)(.*)(.*)(.*)(.*)(.*)!${i}`;
    const start = performance.now();
    const settings = (): unknown =>
      settingsOf(
        {
          rank: 1,
          alpha: 1,
          dropout: 0,
          targetModules: 'all-linear',
          rankPattern: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [slow(i), 2])),
        },
        [path],
      );
    expect(settings).toThrow(expect.objectContaining({ code: 'LORA_PATTERN_INVALID' }));
    expect(performance.now() - start).toBeLessThan(4000);
  });

  it('lets a configuration with a pattern for each of a thousand modules pass', () => {
    const many = Array.from({ length: 1000 }, (_, i) => `model.layers.${i}.self_attn.q_proj`);
    const rankPattern = Object.fromEntries(many.map((name, i) => [name.replaceAll('.', '\\.'), i + 1]));
    const config = { rank: 1, alpha: 1, dropout: 0, targetModules: ['q_proj'], rankPattern };
    const settings = settingsOf(config, many);
    expect([...settings.values()].map(({ rank }) => rank)).toEqual(many.map((_, i) => i + 1));
  });
});
