import { describe, expect, it } from 'vitest';

import { BytePairs } from './byte-pairs.ts';
import type { TokenModel } from './token-model.ts';
import { Unigram } from './unigram.ts';
import { WordPieces } from './words.ts';

const letters = ['a', 'b', 'c', 'd'];
const tokens = [...letters, 'ab', 'cd', 'abcd', '##a', '##b', '##c', '##d', '<unk>'];
const vocabulary = new Map(tokens.map((token, id) => [token, id]));
const merges = ['a b', 'c d', 'ab cd'];
const models: Record<string, TokenModel> = {
  BPE: new BytePairs({ vocabulary, tokens, merges }, {}),
  Unigram: new Unigram(
    tokens.map((token) => [token, -1] as const),
    vocabulary,
    { unk_id: tokens.indexOf('<unk>') },
  ),
  WordPiece: new WordPieces(vocabulary, {
    unk_token: '<unk>',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 1_000_000,
  }),
};

/** A text without any space, of which no part is like another. */
function longWord(length: number): string {
  let [word, state] = ['', 1];
  while (word.length < length) {
    state = (state * 48_271) % 2_147_483_647;
    word += letters[state % letters.length] ?? '';
  }
  return word;
}

describe.each(Object.entries(models))('%s with a long piece', (_name, model) => {
  it('stops often on its way, and gives the ids that it gives at once', () => {
    const word = longWord(100_000);
    const [ids, inSteps]: number[][] = [[], []];
    model.tokenize(word, ids ?? []);
    const steps = model.tokenizeSteps(word, inSteps ?? []);
    let stops = 0;
    while (steps.next().done !== true) stops++;
    expect(inSteps).toEqual(ids);
    expect(stops).toBeGreaterThan(word.length / 2048);
  });

  it('finds the places of all its tokens', () => {
    const word = longWord(5000);
    const found = { ids: [] as number[], spans: [] as number[] };
    const steps = model.locate(word, found);
    while (steps.next().done !== true);
    const ids: number[] = [];
    model.tokenize(word, ids);
    expect(found.ids).toEqual(ids);
    const written = ids.map((_, i) => word.slice(found.spans[2 * i], found.spans[2 * i + 1]));
    expect(written.join('')).toBe(word);
    expect(written).toEqual(ids.map((id) => tokens[id]?.replace('##', '')));
  });
});
