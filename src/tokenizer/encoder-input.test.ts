import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import { encodeForEncoder, type EncodeWhole } from './encoder-input.ts';
import { openTokenizer } from './open-tokenizer.ts';
import type { Tokenizer } from './tokenizer.ts';

interface GoldenText {
  readonly text: string;
  readonly pair: string | null;
  readonly ids: number[];
  readonly typeIds: number[];
  readonly cutIds: number[];
  readonly cutTypeIds: number[];
}

const golden = fileURLToPath(new URL('../../test/golden/bert-types/', import.meta.url));

describe('a tokenizer for an encoder', () => {
  let tokenizer: Tokenizer | undefined;
  let texts: GoldenText[];
  beforeAll(async () => {
    tokenizer = await openTokenizer(`${golden}model`);
    // WHY as: the file is our own.
    texts = JSON.parse(await readFile(`${golden}texts.json`, 'utf8')) as GoldenText[];
  });

  it('encodes texts and pairs as transformers does', () => {
    for (const { text, pair, ids, typeIds } of texts) {
      expect(tokenizer?.encodeForEncoder(text, { pair: pair ?? undefined })).toEqual({ ids, typeIds, cut: false });
    }
  });

  it('cuts the longer text, and keeps what stands around', () => {
    for (const { text, pair, ids, cutIds, cutTypeIds } of texts) {
      const encoded = tokenizer?.encodeForEncoder(text, { pair: pair ?? undefined, maxLength: 7 });
      expect(encoded).toEqual({ ids: cutIds, typeIds: cutTypeIds, cut: ids.length > 7 });
    }
  });
});

describe('encodeForEncoder', () => {
  /** Letters are tokens; [ stands before a text, ] behind each. */
  const encode: EncodeWhole = (text, { pair, special }) => {
    const ids = (letters: string): number[] => [...letters].map((letter) => letter.charCodeAt(0));
    const first = special ? [1, ...ids(text), 2] : ids(text);
    const second = pair === undefined ? [] : [...ids(pair), 2];
    return { ids: [...first, ...second], typeIds: [...first.map(() => 0), ...second.map(() => 1)] };
  };
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });

  it('fits the length exactly, loses tokens of the longer text only, and keeps the frame', () => {
    fc.assert(
      fc.property(
        letters,
        fc.option(letters, { nil: undefined }),
        fc.integer({ min: 3, max: 30 }),
        (text, pair, max) => {
          const whole = encode(text, { pair, special: true });
          const { ids, typeIds, cut } = encodeForEncoder(encode, text, { pair, maxLength: max });
          expect(ids).toHaveLength(Math.min(max, whole.ids.length));
          expect(typeIds).toHaveLength(ids.length);
          expect(cut).toBe(whole.ids.length > max);
          expect(ids.filter((id) => id < 3)).toEqual(whole.ids.filter((id) => id < 3));
          const counts = [0, 1].map((type) => typeIds.filter((each, i) => each === type && (ids[i] ?? 0) > 2).length);
          const [first = 0, second = 0] = counts;
          expect(first === text.length || first >= second - 1).toBe(true);
          expect(second === (pair?.length ?? 0) || second >= first - 1).toBe(true);
        },
      ),
    );
  });
});
