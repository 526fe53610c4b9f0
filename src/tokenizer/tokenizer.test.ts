import { describe, expect, it } from 'vitest';

import { bytePieceFiles, byteLevelFiles } from './testing/tiny-tokenizers.ts';
import { createTokenizer } from './tokenizer.ts';
import type { JsonObject, TokenizerFiles } from './tokenizer-files.ts';

const [bos, eos] = [1, 2];

describe('encode', () => {
  const tokenizer = createTokenizer(byteLevelFiles());

  it('adds no special token unless asked to', () => {
    expect(tokenizer.encode('hello')).toHaveLength(1);
  });

  it('puts bos and eos around a text exactly once', () => {
    const text = tokenizer.encode('hello world');
    expect(tokenizer.encode('hello world', { bos: true, eos: true })).toEqual([bos, ...text, eos]);
    expect(tokenizer.encode('<s>hello world</s>', { bos: true, eos: true })).toEqual([bos, ...text, eos]);
  });

  it('gives bos and eos alone for an empty text', () => {
    expect(tokenizer.encode('', { bos: true, eos: true })).toEqual([bos, eos]);
  });
});

describe('tokenName', () => {
  it('is the name in the files, which the text is not, and nothing beyond the vocabulary', () => {
    const tokenizer = createTokenizer(byteLevelFiles());
    const ids = tokenizer.encode('<s>hello w');
    expect(ids.map((id) => tokenizer.tokenName(id))).toEqual(['<s>', 'hello', 'Ġw']);
    expect(tokenizer.tokenName(tokenizer.vocabSize)).toBeUndefined();
  });
});

describe('encodeWithOffsets', () => {
  it('says where each token comes from, and nowhere for what is put around a text', () => {
    const text = 'hello <s>wörld 😀';
    const { ids, offsets } = createTokenizer(bytePieceFiles()).encodeWithOffsets(text, { bos: true, eos: true });
    const nowhere = { start: 0, end: 0 };
    expect([ids[0], ids.at(-1)]).toEqual([bos, eos]);
    expect([offsets[0], offsets.at(-1)]).toEqual([nowhere, nowhere]);
    const parts = offsets.slice(1, -1).map(({ start, end }) => text.slice(start, end));
    // The bytes of a character that is no token each come from all of it.
    expect(parts).toEqual(['hello', ' ', '<s>', 'w', 'ö', 'ö', 'r', 'ld', ' ', '😀', '😀', '😀', '😀']);
  });

  it('gives the tokens of a pair the offsets in their own text, also where it was cut', () => {
    const { tokenizer } = byteLevelFiles();
    const [a, b] = ['A', 'B'].map((id) => ({ Sequence: { id, type_id: 0 } }));
    const token = { SpecialToken: { id: '<s>', type_id: 0 } };
    const special_tokens = { '<s>': { ids: [bos] } };
    const post_processor = {
      type: 'TemplateProcessing',
      single: [token, a],
      pair: [token, a, token, b],
      special_tokens,
    };
    const pairs = createTokenizer(byteLevelFiles({ tokenizer: { ...tokenizer, post_processor } }));
    const encoded = pairs.encodeForEncoder('hello x', { pair: 'y world', offsets: true, maxLength: 6 });
    const places = encoded.offsets?.map(({ start, end }) => [start, end]);
    expect(places).toEqual([
      [0, 0],
      [0, 5],
      [5, 6],
      [0, 0],
      [0, 1],
      [1, 7],
    ]);
    expect(encoded.offsets).toHaveLength(encoded.ids.length);
    expect(pairs.encodeForEncoder('hello').offsets).toBeUndefined();
  });
});

/** Files whose post-processor puts bos before a text. */
function withBosTemplate(tokenizerConfig: JsonObject): TokenizerFiles {
  const { tokenizer } = byteLevelFiles();
  const single = [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
  const special_tokens = { '<s>': { id: '<s>', ids: [bos], tokens: ['<s>'] } };
  const post_processor = { type: 'TemplateProcessing', single, pair: single, special_tokens };
  return byteLevelFiles({ tokenizer: { ...tokenizer, post_processor }, tokenizerConfig });
}

describe('bos before a text', () => {
  const named = { bos_token: '<s>', eos_token: '</s>' };

  it.each([
    ['where the post-processor puts it', withBosTemplate(named), [bos]],
    ['where the post-processor puts it though no file names it', withBosTemplate({}), [bos]],
    ['where add_bos_token is true', byteLevelFiles({ tokenizerConfig: { ...named, add_bos_token: true } }), [bos]],
    ['not where a bos is only named (GPT-2)', byteLevelFiles({ tokenizerConfig: named }), []],
    ['not where add_bos_token is false', withBosTemplate({ ...named, add_bos_token: false }), []],
    [
      'not where only the model has an id for it',
      byteLevelFiles({ tokenizerConfig: {}, modelConfig: { bos_token_id: 1 } }),
      [],
    ],
  ])('is put %s', (_, files, expected) => {
    const tokenizer = createTokenizer(files);
    expect(tokenizer.bosId).toBe(expected[0]);
    expect(tokenizer.encode('hello', { bos: true })).toEqual([...expected, ...tokenizer.encode('hello')]);
  });

  it('is removed once where a chat template writes it twice, even if it is only named', () => {
    const chatTemplate = '{{ bos_token }}{{ bos_token }}hello';
    const tokenizer = createTokenizer(byteLevelFiles({ tokenizerConfig: named, chatTemplate }));
    expect(tokenizer.encodeChat([], { addGenerationPrompt: true })).toEqual([bos, ...tokenizer.encode('hello')]);
  });
});

describe('the end of a turn', () => {
  const template = (turnEnd: string): string =>
    `{% for m in messages %}<|user|>{{ m.content }}${turnEnd}\n{% endfor %}`;

  it.each([
    ['<|end|>', [eos, 5]],
    [' </s>', [eos]],
    ['.', [eos]],
  ])('that the chat template writes as %j stops an answer too', (turnEnd, expected) => {
    const files = byteLevelFiles({ chatTemplate: template(turnEnd) });
    expect(createTokenizer(files).eosIds).toEqual(expected);
  });

  it.each([
    ['<|im_end|>', '<|im_end|>'],
    ['\n[/A]<s>', '[/A]'],
    ['<|end|>', undefined],
    [' <|end|><x>', undefined],
    ['.', undefined],
    ['', undefined],
    ['\n### user', undefined],
    ['\n<a b>', undefined],
  ])('is a mark that no token is: %j', (turnEnd, expected) => {
    const files = byteLevelFiles({ chatTemplate: template(turnEnd) });
    expect(createTokenizer(files).turnMark).toBe(expected);
  });

  it('is none where the template refuses the messages', () => {
    const files = byteLevelFiles({ chatTemplate: "{{ raise_exception('no') }}" });
    expect(createTokenizer(files).eosIds).toEqual([eos]);
  });
});

describe('encoding in slices', () => {
  it.each([byteLevelFiles(), bytePieceFiles()])('gives the same ids: $folder', async (files) => {
    const tokenizer = createTokenizer(files);
    const text = 'hello <|end|> w\u00f6rld  '.repeat(200);
    expect(await tokenizer.encodeInSlices(text, { bos: true, eos: true })).toEqual(
      tokenizer.encode(text, { bos: true, eos: true }),
    );
  });

  it('lets other tasks run while it encodes a long text', async () => {
    const tokenizer = createTokenizer(byteLevelFiles());
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    const text = Array.from({ length: 60_000 }, (_, i) => `${i} `).join('');
    await tokenizer.encodeInSlices(text);
    clearInterval(count);
    expect(turns).toBeGreaterThan(3);
  });
});

describe('bos and eos', () => {
  it('come from tokenizer_config.json as strings or as objects', () => {
    for (const files of [byteLevelFiles(), bytePieceFiles()]) {
      expect(createTokenizer(files)).toMatchObject({ bosId: bos, eosId: eos, eosIds: [eos] });
    }
  });

  it('are none where tokenizer_config.json says null, though config.json names an id', () => {
    const tokenizerConfig = { bos_token: null, eos_token: '</s>' };
    const tokenizer = createTokenizer(byteLevelFiles({ tokenizerConfig, modelConfig: { bos_token_id: bos } }));
    expect(tokenizer.encode('hello', { bos: true })).toEqual(tokenizer.encode('hello'));
  });

  it('come from special_tokens_map.json, then from the ids of the model, where nothing else names them', () => {
    const specialTokensMap = { bos_token: '<s>' };
    const modelConfig = { bos_token_id: 4, eos_token_id: [5, 2] };
    const files = byteLevelFiles({ tokenizerConfig: undefined, specialTokensMap, modelConfig });
    const tokenizer = createTokenizer(files);
    expect(tokenizer).toMatchObject({ bosId: undefined, eosId: 5, eosIds: [5, 2] });
  });

  it('end a generation at every id that generation_config.json lists, and at the own eos', () => {
    const files = byteLevelFiles({ generationConfig: { eos_token_id: [5, 2] }, modelConfig: { eos_token_id: 3 } });
    expect(createTokenizer(files).eosIds).toEqual([2, 5]);
  });
});

describe('decode', () => {
  const tokenizer = createTokenizer(byteLevelFiles());

  it('leaves special tokens out unless told to show them', () => {
    const ids = tokenizer.encode('hello', { bos: true, eos: true });
    expect(tokenizer.decode(ids)).toBe('hello');
    expect(tokenizer.decode(ids, { skipSpecial: false })).toBe('<s>hello</s>');
  });

  it('leaves spaces before punctuation as the model wrote them', () => {
    expect(tokenizer.decode(tokenizer.encode("hello . it 's"))).toBe("hello . it 's");
  });

  it('gives no text for ids that the vocabulary does not have', () => {
    expect(tokenizer.decode([tokenizer.vocabSize, tokenizer.vocabSize + 100])).toBe('');
  });
});

describe('a broken tokenizer', () => {
  it.each([
    ['no model', { model: undefined }, /no model with a vocab/],
    ['an unknown decoder', { decoder: { type: 'Rot13' } }, /Rot13/],
    ['added tokens that are no list', { added_tokens: {} }, /added_tokens/],
  ])('is refused by name: %s', (_, broken, problem) => {
    const files = byteLevelFiles();
    const make = (): unknown => createTokenizer({ ...files, tokenizer: { ...files.tokenizer, ...broken } });
    expect(make).toThrow(
      expect.objectContaining({ code: 'TOKENIZER_INVALID', message: expect.stringMatching(problem) }),
    );
  });

  it('is refused where bos is not in the vocabulary', () => {
    const make = (): unknown => createTokenizer(byteLevelFiles({ tokenizerConfig: { bos_token: '<bos>' } }));
    expect(make).toThrow(/tokenizer_config\.json.*"<bos>" is not in the vocabulary/);
  });
});
