import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstThatFits, shorterConversations } from './newest-turns.ts';

const roles = (text: string) =>
  [...text].map((letter) => ({
    role: { s: 'system', u: 'user', a: 'assistant', t: 'tool' }[letter] ?? '',
    content: '',
  }));
const kept = (text: string): string[] =>
  shorterConversations(roles(text)).map((make) =>
    make()
      .places.map((place) => text[place])
      .join(''),
  );

describe('a conversation without its oldest turns', () => {
  it.each([
    ['suauau', ['suauau', 'suau', 'su']],
    ['uatauatau', ['uatauatau', 'uatau', 'u']],
    ['auau', ['auau', 'u']],
    ['uasuau', ['uasuau', 'suau', 'su']],
    ['a', ['a']],
    ['su', ['su']],
  ])('%s', (text, expected) => {
    expect(kept(text)).toEqual(expected);
  });

  it('is the longest one that fits, and is found with few tries', async () => {
    const sizes = fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(200), async (drawn, room) => {
        const falling = drawn.toSorted((a, b) => b - a);
        let tries = 0;
        const found = await firstThatFits(falling, async (size) => {
          tries++;
          return Promise.resolve(size <= room ? size : undefined);
        });
        expect(found).toBe(falling.find((size) => size <= room));
        expect(tries).toBeLessThanOrEqual(2 + Math.ceil(Math.log2(falling.length + 1)));
      }),
    );
  });
});
