import { describe, expect, it } from 'vitest';

import { createRandom } from '#internal/core';
import { lexicon } from './lexicon.ts';
import { createPhraser } from './phrase.ts';
import { bankTopics } from './topics/bank.ts';
import { everydayTopics } from './topics/everyday.ts';
import { leisureTopics } from './topics/leisure.ts';

const words = { name: ['Anna', 'Ben', 'Clara'], friend: ['Anna', 'Ben', 'Clara'] };

describe('a phraser', () => {
  it('fills a slot with the same word through the whole conversation', () => {
    const phraser = createPhraser(createRandom(1), words);
    const first = phraser.write(['{name}']);
    for (let i = 0; i < 20; i++) expect(phraser.write(['{name}'])).toBe(first);
  });

  it('does not fill two slots with one word while others are free', () => {
    for (let seed = 0; seed < 50; seed++) {
      const [name, friend] = createPhraser(createRandom(seed), words).write(['{name} {friend}']).split(' ');
      expect(name).not.toBe(friend);
    }
  });

  it('makes every choice, nested ones and empty ones too', () => {
    const written = new Set<string>();
    for (let seed = 0; seed < 100; seed++) written.add(createPhraser(createRandom(seed), {}).write(['a[ b[1|2]|]']));
    expect([...written].sort()).toEqual(['a', 'a b1', 'a b2']);
  });

  it('refuses a slot that has no words', () => {
    expect(() => createPhraser(createRandom(1), words).write(['{colour}'])).toThrow(/\{colour\}/);
  });
});

const topics = [...bankTopics, ...everydayTopics, ...leisureTopics];
const exchanges = topics.flatMap(({ name, openings, followUps }) =>
  [...openings, ...followUps].map((exchange) => ({ name, exchange })),
);

describe('the topics', () => {
  it('name only slots that the lexicon has, and close every choice', () => {
    for (const { exchange } of exchanges) {
      for (const phrase of Object.values(exchange).flat()) {
        const slots = [...phrase.matchAll(/\{(\w+)\}/g)].map(([, slot = '']) => slot);
        expect(slots.filter((slot) => lexicon[slot] === undefined)).toEqual([]);
        expect(createPhraser(createRandom(1), lexicon).write([phrase])).not.toMatch(/[[\]|{}]/);
      }
    }
  });

  it('let both policies answer whatever a bank is asked', () => {
    const bank = bankTopics.flatMap(({ openings, followUps }) => [...openings, ...followUps]);
    expect(bank.filter(({ strict, lenient }) => strict === undefined || lenient === undefined)).toEqual([]);
  });

  it('are each told apart by name', () => {
    expect(new Set(topics.map(({ name }) => name)).size).toBe(topics.length);
  });
});
