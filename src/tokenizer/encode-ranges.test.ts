import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddedTokenFinder, type AddedToken } from './added-token-finder.ts';
import { encodeRanges } from './encode-ranges.ts';

const tokens: AddedToken[] = [
  { id: 1, content: '<a>' },
  { id: 2, content: '<a><b>' },
  { id: 3, content: '<strip>' },
];
const added = new AddedTokenFinder(tokens);

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
  const counting = (): { encode: (text: string) => number[]; units: () => number } => {
    let units = 0;
    const encode = (text: string): number[] => {
      units += text.length;
      return [...text.matchAll(/<a><b>|<strip>|<a>|[^]/g)].map(
        ([part]) => tokens.find(({ content }) => content === part)?.id ?? 100 + part.charCodeAt(0),
      );
    };
    return { encode, units: () => units };
  };

  it('encodes a long text of many ranges hardly more than once', () => {
    const text = turn.repeat(200);
    const ranges = Array.from({ length: 200 }, (_, i) => ({ start: i * turn.length + 3, end: (i + 1) * turn.length }));
    const { encode, units } = counting();
    const encoded = encodeRanges(text, ranges, { encode, tidy: (ids) => ids, added });
    expect(encoded.ranges[199]).toEqual({ start: 199 * 101 + 1, end: 200 * 101 });
    expect(units()).toBeLessThan(3 * text.length);
  });

  it('encodes beginnings whole where the ids do not hold the added tokens of the text', () => {
    const { encode } = counting();
    const without = (text: string): number[] => encode(text.replace('<a>', ''));
    const ranges = [{ start: 2, end: 6 }];
    const encoded = encodeRanges('xy<a>z<a>!', ranges, { encode: without, tidy: (ids) => ids, added });
    expect(encoded.ranges).toEqual([{ start: 2, end: 3 }]);
  });
});
