import { describe, expect, it } from 'vitest';

import { byteLevelFiles } from './testing/tiny-tokenizers.ts';
import { createTokenizer } from './tokenizer.ts';
import type { JsonObject } from './tokenizer-files.ts';

/** A tokenizer.json with some of its parts replaced. */
function files(parts: JsonObject, model: JsonObject = {}): ReturnType<typeof byteLevelFiles> {
  const { tokenizer, ...rest } = byteLevelFiles();
  return { ...rest, tokenizer: { ...tokenizer, ...parts, model: { ...Object(tokenizer['model']), ...model } } };
}

const template = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: '<x>', type_id: 0 } }],
  pair: [],
  special_tokens: {},
};
const nested = (depth: number): JsonObject =>
  depth === 0 ? { type: 'Whitespace' } : { type: 'Sequence', pretokenizers: [nested(depth - 1)] };
let deep: JsonObject = { type: 'Whitespace' };
for (let depth = 0; depth < 100_000; depth++) deep = { type: 'Sequence', pretokenizers: [deep] };

describe('a broken or hostile tokenizer.json is refused by name', () => {
  it.each([
    ['pieces of a negative length', files({ pre_tokenizer: { type: 'FixedLength', length: -1 } }), /length/],
    [
      'a prefix longer than merges',
      files({}, { continuing_subword_prefix: '#'.repeat(20) }),
      /does not begin with "####/,
    ],
    ['a merge of unknown tokens', files({}, { merges: [['no', 'where']] }), /"no", which is not in its vocab/],
    ['a merge of three', files({}, { merges: ['a b c'] }), /merge 0 is "a b c"/],
    ['nesting without end', files({ pre_tokenizer: deep }), /call stack/],
    ['negative ids', files({}, { vocab: { a: -1 } }), /"a" has the id -1/],
    ['ids beyond 32 bits', files({}, { vocab: { a: 2 ** 31 } }), /has the id 2147483648/],
    ['ids that are no numbers', files({}, { vocab: { a: '1' } }), /has the id "1"/],
    ['an unknown model', files({}, { type: 'Oracle' }), /its model is "Oracle"/],
    ['random ids', files({}, { dropout: 0.1 }), /dropout/],
    ['an unknown behavior', files({ pre_tokenizer: { type: 'Punctuation', behavior: 'Explode' } }), /behavior/],
    ['a template without ids', files({ post_processor: template }), /names "<x>" without ids/],
    ['an unknown id of the unknown token', files({}, { type: 'Unigram', vocab: [['a', 0]], unk_id: 7 }), /unk_id is 7/],
    ['scores that are no numbers', files({}, { type: 'Unigram', vocab: [['a', 'b']] }), /pairs of text and score/],
  ])('%s', (_, broken, problem) => {
    expect(() => createTokenizer(broken)).toThrow(expect.objectContaining({ code: 'TOKENIZER_INVALID' }));
    expect(() => createTokenizer(broken)).toThrow(problem);
  });
});

it('a limit of length in the file is not applied', () => {
  const truncation = { max_length: 1, stride: 0, strategy: 'LongestFirst', direction: 'Right' };
  expect(createTokenizer(files({ truncation })).encode('ab')).toHaveLength(2);
});

it('nesting as real files have it is read', () => {
  expect(createTokenizer(files({ pre_tokenizer: nested(20) })).encode('hello')).toHaveLength(1);
});

it('a text with an unknown part says that the file has no token for it', () => {
  const tokenizer = createTokenizer(files({}, { type: 'WordLevel', unk_token: '[UNK]' }));
  expect(() => tokenizer.encode('\u{1f600}')).toThrow(/the unknown token "\[UNK\]" is not in the vocabulary/);
});
