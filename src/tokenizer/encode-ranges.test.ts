import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddedTokenFinder } from './added-token-finder.ts';
import { encodeRanges, type Cut } from './encode-ranges.ts';

interface Token {
  readonly id: number;
  readonly content: string;
}

const tokens: Token[] = [
  { id: 1, content: '<a>' },
  { id: 2, content: '<a><b>' },
  { id: 3, content: '<strip>' },
];
const added = new AddedTokenFinder(tokens, ({ content }) => content);

describe('AddedTokenFinder', () => {
  it('finds tokens from left to right, the longest where several fit', () => {
    const found = added.find('x<a><a><b>y<a');
    expect(found.map(({ token, start, end }) => [token.id, start, end])).toEqual([
      [1, 1, 4],
      [2, 4, 10],
    ]);
  });

  it('finds what a search for the longest alternative finds', () => {
    const parts = fc.array(fc.constantFrom('<a>', '<b>', '<', 'a', '<strip>', ' ', '😀'), { maxLength: 12 });
    fc.assert(
      fc.property(parts, (words) => {
        const text = words.join('');
        const expected = [...text.matchAll(/<a><b>|<strip>|<a>/g)].map(({ 0: content, index }) => [content, index]);
        expect(added.find(text).map(({ token, start }) => [token.content, start])).toEqual(expected);
      }),
    );
  });
});

describe('encodeRanges', () => {
  const turn = `<a>${'word '.repeat(20)}`;

  /** Encodes added tokens as their ids and everything else a unit at a time; counts the units. */
  const counting = (): { encode: (text: string) => { ids: number[]; cuts: Cut[] }; units: () => number } => {
    let units = 0;
    const encode = (text: string): { ids: number[]; cuts: Cut[] } => {
      units += text.length;
      const parts = [...text.matchAll(/<a><b>|<strip>|<a>|[^]/g)];
      const ids = parts.map(([part]) => tokens.find(({ content }) => content === part)?.id ?? 100 + part.charCodeAt(0));
      const cuts = parts.flatMap(({ 0: part, index: start }, index) =>
        part.length > 1 ? [{ start, end: start + part.length, index }] : [],
      );
      return { ids, cuts };
    };
    return { encode, units: () => units };
  };

  it('encodes a long text of many ranges hardly more than once', () => {
    const text = turn.repeat(200);
    const ranges = Array.from({ length: 200 }, (_, i) => ({ start: i * turn.length + 3, end: (i + 1) * turn.length }));
    const { encode, units } = counting();
    const encoded = encodeRanges(text, ranges, { encode, tidy: (ids) => ids });
    expect(encoded.ranges[199]).toEqual({ start: 199 * 101 + 1, end: 200 * 101 });
    expect(units()).toBeLessThan(3 * text.length);
  });

  it('encodes beginnings whole where the text has no added tokens', () => {
    const { encode } = counting();
    const encoded = encodeRanges('xyz!', [{ start: 2, end: 3 }], { encode, tidy: (ids) => ids });
    expect(encoded.ranges).toEqual([{ start: 2, end: 3 }]);
  });
});
