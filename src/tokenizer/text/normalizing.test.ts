import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readNormalizer } from './normalizer.ts';
import { AlignedText } from './aligned-text.ts';

const normalizers = [
  ...['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt', 'ByteLevel'].map((type) => ({ type })),
  { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
  { type: 'Strip', strip_left: true, strip_right: true },
  { type: 'Replace', pattern: { Regex: ' +' }, content: '__' },
  { type: 'Prepend', prepend: '>' },
  { type: 'Sequence', normalizers: [{ type: 'Strip', strip_left: true, strip_right: false }, { type: 'NFKC' }] },
];
const units = [
  ' ',
  '\t',
  'a',
  'É',
  'e',
  '\u0301',
  '\u0323',
  '가',
  '\u1100',
  '\u1161',
  '\u11a8',
  '漢',
  'か',
  '\u3099',
  'ﬁ',
  'İ',
  '😀',
  '\u0947',
  'Σ',
];

describe('a normalizer', () => {
  it.each(normalizers)('makes of a long text in steps, and with ranges, what it makes of it at once: %j', (json) => {
    const normalizer = readNormalizer(json);
    if (normalizer === undefined) throw new Error('no normalizer');
    const text = fc.string({ unit: fc.constantFrom(...units), minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(text, fc.nat(20), (part, shift) => {
        // Longer than the parts of a step, which begin at other places of each text.
        const long = part.slice(0, shift) + part.repeat(Math.ceil(9000 / part.length));
        const steps = normalizer.normalizeSteps(long);
        let step = steps.next();
        while (step.done !== true) step = steps.next();
        expect(step.value).toEqual({ text: normalizer.normalize(long), losesStart: normalizer.losesStart(long) });
        expect(normalizer.align(AlignedText.of(part, 0)).text).toBe(normalizer.normalize(part));
      }),
      { numRuns: 30 },
    );
  });
});
