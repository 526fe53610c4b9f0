import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { GgufValue } from '../../tensor/index.ts';
import { byteLevelFiles, bytePieceFiles } from '../testing/tiny-tokenizers.ts';
import { createTokenizer, type Tokenizer } from '../tokenizer.ts';
import type { JsonObject, TokenizerFiles } from '../tokenizer-files.ts';
import { ggufTokenizerFiles } from './gguf-tokenizer.ts';

interface Model {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly string[];
}

const texts = [
  'hello world',
  ' hello  world hello',
  'the wor!d <|user|>hello<|end|>\n',
  'lo\u00e9 \ud83d\ude00, he he',
  '',
];

/** The metadata that llama.cpp's converter writes of these files. */
function metadataOf(
  { tokenizer }: TokenizerFiles,
  change: Readonly<Record<string, GgufValue>>,
): Map<string, GgufValue> {
  const { vocab, merges } = tokenizer['model'] as unknown as Model;
  const added = (tokenizer['added_tokens'] as readonly JsonObject[]).map(({ content }) => String(content));
  const tokens = Object.entries(vocab)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);
  const scores = tokens.map((token) => {
    const rank = merges.findIndex((merge) => merge.replace(' ', '') === token);
    return rank < 0 ? 0 : -1 - rank;
  });
  const values: Record<string, GgufValue> = {
    tokens,
    merges,
    scores,
    token_type: tokens.map((token) => (added.includes(token) ? 3 : /^<0x..>$/.test(token) ? 6 : 1)),
    bos_token_id: vocab['<s>'] ?? 0,
    eos_token_id: vocab['</s>'] ?? 0,
    unknown_token_id: vocab['<unk>'] ?? 0,
    ...change,
  };
  return new Map(Object.entries(values).map(([name, value]) => [`tokenizer.ggml.${name}`, value]));
}

describe.each([
  ['pairs of bytes', byteLevelFiles(), { model: 'gpt2', pre: 'gpt-2', add_bos_token: true }],
  ['pieces of SentencePiece', bytePieceFiles(), { model: 'llama' }],
] as const)('a GGUF tokenizer of %s', (_, files, settings) => {
  const made = ggufTokenizerFiles(metadataOf(files, settings), 'x.gguf') ?? expect.fail('it has a tokenizer');
  it('encodes and decodes as the files from which it was converted', () => {
    const [ours, theirs] = [createTokenizer(made), createTokenizer(files)];
    for (const text of texts) {
      const ids = theirs.encode(text);
      expect([text, [...ours.encode(text)]]).toEqual([text, [...ids]]);
      expect(ours.decode([...ids])).toBe(theirs.decode([...ids]));
    }
    expect(ours.eosIds).toEqual(theirs.eosIds);
  });
});

function tokenizerOf(metadata: ReadonlyMap<string, GgufValue>): Tokenizer {
  const files = ggufTokenizerFiles(metadata, 'x.gguf');
  if (files === undefined) throw new Error('it has no tokenizer');
  return createTokenizer(files);
}

interface Golden {
  readonly texts: readonly string[];
  readonly cases: readonly {
    readonly name: string;
    readonly settings: Readonly<Record<string, GgufValue>>;
    readonly ids: readonly (readonly number[])[];
  }[];
}

const goldenPath = new URL('../../../test/golden/gguf/tokenizers.json', import.meta.url);
const golden = JSON.parse(readFileSync(goldenPath, 'utf8')) as Golden;

it.each(golden.cases)('has the ids of its origin: $name', ({ settings, ids }) => {
  const metadata = new Map(Object.entries(settings).map(([name, value]) => [`tokenizer.ggml.${name}`, value]));
  const tokenizer = tokenizerOf(metadata);
  const found = golden.texts.map((text) => [text, [...tokenizer.encodeForEncoder(text).ids]]);
  expect(found).toEqual(golden.texts.map((text, i) => [text, ids[i]]));
});

describe('a GGUF tokenizer', () => {
  const metadata = metadataOf(byteLevelFiles(), { model: 'gpt2', pre: 'gpt-2' });
  const read = (name: string, value: GgufValue) =>
    ggufTokenizerFiles(new Map([...metadata, [`tokenizer.ggml.${name}`, value]]), 'x.gguf');

  it('brings its chat template', () => {
    const own = new Map([...metadata, ['tokenizer.chat_template', "{{ messages[0]['content'] }}"]]);
    const tokenizer = tokenizerOf(own);
    expect(tokenizer.hasChatTemplate).toBe(true);
  });

  it.each<[string, GgufValue, RegExp]>([
    ['model', 'rwkv', /its tokenizer is rwkv, known are gpt2 and llama/],
    ['pre', 'tekken', /its pre-tokenizer is tekken, known are gpt-2/],
    ['merges', ['he lly'], /its merge "he lly" is not of two tokens/],
    ['token_type', [1], /tokens and 1 types/],
    ['tokens', [1, 2], /tokenizer.ggml.tokens is no list of texts/],
    ['eos_token_id', 999_999, /eos_token_id is no token/],
  ])('is refused for %s = %j', (name, value, message) => {
    expect(() => read(name, value)).toThrow(message);
  });

  it('is none where the file has no vocabulary', () => {
    expect(read('model', 'none')).toBeUndefined();
  });
});
