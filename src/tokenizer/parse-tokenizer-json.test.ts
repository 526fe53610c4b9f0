import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MergeIds, parseTokenizerJson, TokenIds } from './parse-tokenizer-json.ts';
import { isJsonObject, type JsonObject } from './tokenizer-files.ts';

/** Longer than what JSON.parse reads alone. */
const padding = { note: 'x'.repeat(100_000) };

function modelOf(text: string): JsonObject {
  const { model } = parseTokenizerJson(text, 'tokenizer.json');
  return isJsonObject(model) ? model : {};
}

describe('parseTokenizerJson', () => {
  const tokens = fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 6 }), { minLength: 1, maxLength: 12 });

  it('reads the vocabulary and the merges of a large file as JSON.parse does', () => {
    fc.assert(
      fc.property(tokens, fc.integer({ min: 0, max: 4 }), fc.infiniteStream(fc.nat()), (names, indent, numbers) => {
        const next = (): string => names[(numbers.next().value ?? 0) % names.length] ?? '';
        const vocab = Object.fromEntries(names.map((name, id) => [name, 7 * id]));
        const merges = names.map(() => [next(), next()]);
        const text = JSON.stringify(
          { ...padding, model: { type: 'BPE', vocab, merges, unk_token: null }, more: [1] },
          null,
          indent,
        );
        const model = modelOf(text);
        expect(model['vocab']).toEqual(new TokenIds(new Map(Object.entries(vocab))));
        expect(model['merges']).toEqual(new MergeIds(merges.flat().map((name) => vocab[name] ?? -1)));
        expect(model).toMatchObject({ type: 'BPE', unk_token: null });
        expect(parseTokenizerJson(text, '')).toMatchObject({ more: [1] });
      }),
    );
  });

  it('reads merges that are texts with a space', () => {
    const vocab = { a: 0, '"b': 1, '\\': 2, 'a"b': 3 };
    const text = JSON.stringify({ ...padding, model: { vocab, merges: ['a "b', '\\ a'] } });
    expect(modelOf(text)['merges']).toEqual(new MergeIds([0, 1, 2, 0]));
  });

  it('leaves to JSON.parse a token that is written twice in different ways', () => {
    const text = JSON.stringify({ ...padding, model: { vocab: { a: 0, b: 1 }, merges: [['a', 'a']] } });
    const twice = text.replace('"b":1', '"\\u0061":1');
    expect(modelOf(twice)).toEqual({ vocab: { a: 1 }, merges: [['a', 'a']] });
  });

  it.each([
    ['merges as texts with more spaces', { vocab: { a: 0, ' ': 1 }, merges: ['a a a', '   '] }],
    ['merges as texts of one token', { vocab: { a: 0 }, merges: ['a'] }],
    ['merges of tokens that are not there', { vocab: { a: 0 }, merges: [['a', 'b']] }],
    ['ids that are no ids', { vocab: { a: -1 }, merges: [] }],
    ['a vocabulary of pairs', { vocab: [['a', 0.5]] }],
  ])('leaves to JSON.parse: %s', (_, model) => {
    expect(modelOf(JSON.stringify({ ...padding, model }))).toEqual(model);
  });

  it('is not misled by a vocabulary at another place', () => {
    const file = { other: { vocab: { b: 1 } }, ...padding, model: { vocab: { a: 0 }, merges: [['a', 'a']] } };
    expect(parseTokenizerJson(JSON.stringify(file), '')).toEqual(file);
  });

  it.each(['{"model":{"vocab":{"a":0', '{"model":{"vocab":{"a":0},"merges":[["a","a"]', '{"vocab":{"a" 0}}'])(
    'names a file that ends or breaks in the middle: %s',
    (text) => {
      const broken = `{"note":"${padding.note}",${text.slice(1)}`;
      expect(() => parseTokenizerJson(broken, 'x/tokenizer.json')).toThrow(/x\/tokenizer\.json.*not valid JSON/);
    },
  );
});
