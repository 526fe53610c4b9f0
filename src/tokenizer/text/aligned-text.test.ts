import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { AlignedText } from './aligned-text.ts';
import { normalFormChanges, type NormalForm } from './normal-form.ts';

/** The parts of the original that the characters of a text come from. */
const originals = (aligned: AlignedText, original: string): string[] =>
  [...aligned.text].map((character, i, all) => {
    const start = all.slice(0, i).join('').length;
    const range = aligned.range(start, start + character.length);
    return original.slice(range.start, range.end);
  });

describe('AlignedText', () => {
  it('keeps what each character comes from when characters become others or none', () => {
    const text = AlignedText.of('İa😀b', 0).mapEach((each) => (each === 'a' ? '' : each.toLowerCase()));
    expect(text.text).toBe('i\u0307😀b');
    expect(originals(text, 'İa😀b')).toEqual(['İ', 'İ', '😀', 'b']);
  });

  it('gives what replaces a part the range of its last character', () => {
    const text = AlignedText.of('a  b', 0).replaceParts([{ start: 1, end: 3 }], '__');
    expect(text.text).toBe('a__b');
    expect(text.range(1, 3)).toEqual({ start: 2, end: 3 });
  });

  it('gives what is put before it the range of the first character, and a part its place in the original', () => {
    const text = AlignedText.of('xyz', 5).slice(1, 3).prepend('▁');
    expect(text.text).toBe('▁yz');
    expect(text.range(0, 1)).toEqual({ start: 6, end: 7 });
  });

  it('gives what is new at the beginning no range, at the place where its original begins', () => {
    const text = AlignedText.of('xy', 3).replaceParts([{ start: 0, end: 0 }], '!');
    expect(text.range(0, 1)).toEqual({ start: 3, end: 3 });
  });

  it('takes the range of removed characters along', () => {
    const text = AlignedText.of('e\u0301x', 0).change([
      { character: 'é', change: -1 },
      { character: 'x', change: 0 },
    ]);
    expect(text.range(0, 1)).toEqual({ start: 0, end: 1 });
    expect(text.range(1, 2)).toEqual({ start: 2, end: 3 });
  });
});

describe('normalFormChanges', () => {
  const character = fc.constantFrom(
    'a',
    'e',
    'é',
    '\u0301',
    '\u0323',
    '\u0344',
    'ệ',
    '가',
    '\u11a8',
    'ﬁ',
    '㎏',
    '😀',
    ' ',
    'ो',
  );
  const forms: NormalForm[] = ['NFC', 'NFD', 'NFKC', 'NFKD'];

  it.each(forms)('gives the characters of %s, which stand for all of the text', (form) => {
    fc.assert(
      fc.property(fc.string({ unit: character }), (text) => {
        const changes = [...normalFormChanges(text, form)];
        expect(changes.map((each) => each.character).join('')).toBe(text.normalize(form));
        const taken = changes.reduce((sum, { change }) => sum + 1 - change, 0);
        expect(taken).toBe([...text].length);
      }),
    );
  });
});
