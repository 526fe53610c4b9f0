import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createTokenizer, type ChatMessage, type Tokenizer } from '../../tokenizer/index.ts';
import { byteLevelFiles, bytePieceFiles } from '../../tokenizer/testing/tiny-tokenizers.ts';
import { encodeRow } from './encode-row.ts';
import { ignoredLabel, type Example } from './example.ts';
import type { Row } from './row.ts';

const place = { path: 'data.jsonl', unit: 'line', line: 3 } as const;
const turns = `{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}`;
const chatMl = `${turns}{% if add_generation_prompt %}<|assistant|>{% endif %}`;

function withTemplate(chatTemplate: string): Tokenizer {
  return createTokenizer(byteLevelFiles({ chatTemplate }));
}

function encode(row: Row, tokenizer: Tokenizer | undefined): Example {
  return encodeRow(row, place, { tokenizer, vocabSize: tokenizer?.vocabSize ?? 50 });
}

/** The tokens that count in the loss, as text; each run of them apart. */
function learned({ inputIds, labels }: Example, tokenizer: Tokenizer): string[] {
  const runs: number[][] = [];
  for (const [t, label] of labels.entries()) {
    if (label === ignoredLabel) continue;
    expect(label).toBe(inputIds[t]);
    if (t === 0 || labels[t - 1] === ignoredLabel) runs.push([]);
    runs.at(-1)?.push(label);
  }
  return runs.map((ids) => tokenizer.decode(ids, { skipSpecial: false }));
}

describe('a row of text', () => {
  it('is bos, its tokens and eos, all of which count', () => {
    const tokenizer = createTokenizer(byteLevelFiles());
    const { inputIds, labels } = encode({ kind: 'text', text: 'hello world' }, tokenizer);
    expect([...inputIds]).toEqual([1, ...tokenizer.encode('hello world'), 2]);
    expect(labels).toEqual(inputIds);
  });
});

describe('a row of prompt and completion', () => {
  it.each([byteLevelFiles(), bytePieceFiles()])('counts the completion and eos only, with $folder', (files) => {
    const tokenizer = createTokenizer(files);
    const example = encode({ kind: 'completion', prompt: 'hello', completion: ' world' }, tokenizer);
    expect([...example.inputIds]).toEqual(tokenizer.encode('hello world', { bos: true, eos: true }));
    expect(learned(example, tokenizer).map((text) => text.trim())).toEqual(['world</s>']);
  });

  it('counts eos even where the completion is empty', () => {
    const tokenizer = createTokenizer(byteLevelFiles());
    expect(learned(encode({ kind: 'completion', prompt: 'hello', completion: '' }, tokenizer), tokenizer)).toEqual([
      '</s>',
    ]);
  });

  it('counts a token that reaches over the border', () => {
    const tokenizer = createTokenizer(byteLevelFiles());
    const example = encode({ kind: 'completion', prompt: 'a hel', completion: 'lo' }, tokenizer);
    expect(learned(example, tokenizer)).toEqual(['hello</s>']);
  });
});

describe('a row of messages', () => {
  const messages: ChatMessage[] = [
    { role: 'system', content: 'be kind' },
    { role: 'user', content: 'hello' },
    { role: 'assistant', content: 'world' },
    { role: 'user', content: 'and?' },
    { role: 'assistant', content: 'no more' },
    { role: 'user', content: 'bye' },
  ];
  const learnedWith = (template: string, rows: readonly ChatMessage[] = messages): string[] => {
    const tokenizer = withTemplate(template);
    return learned(encode({ kind: 'messages', messages: rows }, tokenizer), tokenizer);
  };

  it('counts what the assistant says and the end of its turns, and nothing else', () => {
    expect(learnedWith(chatMl)).toEqual(['world<|end|>', 'no more<|end|>']);
  });

  it('counts the end of a turn although it is the eos, and the pad, of the tokenizer', () => {
    const tokenizerConfig = { eos_token: '<|end|>', pad_token: '<|end|>', chat_template: chatMl };
    const tokenizer = createTokenizer(byteLevelFiles({ tokenizerConfig }));
    const example = encode({ kind: 'messages', messages }, tokenizer);
    expect(learned(example, tokenizer)).toEqual(['world<|end|>', 'no more<|end|>']);
    expect([...example.inputIds].filter((id) => id === tokenizer.eosId)).toHaveLength(messages.length);
  });

  it('counts the whole assistant turn of a template without a generation prompt', () => {
    expect(learnedWith(turns)).toEqual(['<|assistant|>world<|end|>', '<|assistant|>no more<|end|>']);
  });

  it('keeps the words apart where the end of the prompt and the answer would join to one token', () => {
    const joined = `{% for message in messages %}{{ message.content }}{% endfor %}{% if add_generation_prompt %}hel{% endif %}`;
    const rows = [
      { role: 'user', content: 'a ' },
      { role: 'assistant', content: 'hello' },
    ];
    expect(learnedWith(joined, rows)).toEqual(['hello']);
  });

  it('finds exactly the assistant turns, whatever is said', () => {
    const content = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !text.includes('<'));
    const conversation = fc.array(fc.record({ role: fc.constantFrom('user', 'assistant', 'system'), content }), {
      minLength: 1,
    });
    const tokenizer = withTemplate(chatMl);
    fc.assert(
      fc.property(conversation, (rows) => {
        const expected = rows.filter(({ role }) => role === 'assistant').map(({ content: text }) => `${text}<|end|>`);
        expect(learned(encode({ kind: 'messages', messages: rows }, tokenizer), tokenizer)).toEqual(expected);
      }),
    );
  });

  it('counts nothing of an answer of weight 0, whose words stay', () => {
    const tokenizer = withTemplate(chatMl);
    const all = encode({ kind: 'messages', messages }, tokenizer);
    const learnedRows = messages.map((_, index) => (index === 2 ? false : undefined));
    const example = encode({ kind: 'messages', messages, learned: learnedRows }, tokenizer);
    expect(example.inputIds).toEqual(all.inputIds);
    expect(learned(example, tokenizer)).toEqual(['no more<|end|>']);
  });

  it('gives the template the further values of its row, in every rendering', () => {
    const template = `{{ tone }}${chatMl}`;
    const tokenizer = withTemplate(template);
    const example = encode({ kind: 'messages', messages, variables: { tone: 'dry' } }, tokenizer);
    expect(tokenizer.decode([...example.inputIds], { skipSpecial: false })).toMatch(/^dry/);
    expect(learned(example, tokenizer)).toEqual(['world<|end|>', 'no more<|end|>']);
  });

  it('puts tools into the prompt, and learns calls without a content', () => {
    const template = `{% for tool in tools or [] %}{{ tool.function.name }}\n{% endfor %}{% for m in messages %}<|{{ m.role }}|>{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ c.function.arguments }}{% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`;
    const tokenizer = withTemplate(template);
    const call = { type: 'function', function: { name: 'f', arguments: '{"n": 1}' } } as const;
    const rows: ChatMessage[] = [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', content: 'ok' },
      { role: 'assistant', content: 'world' },
    ];
    const tools = [{ type: 'function', function: { name: 'lock' } }];
    const example = encode({ kind: 'messages', messages: rows, tools }, tokenizer);
    expect(tokenizer.decode([...example.inputIds], { skipSpecial: false })).toMatch(/^lock\n/);
    expect(learned(example, tokenizer)).toEqual(['{"n": 1}<|end|>', 'world<|end|>']);
    expect(() => encode({ kind: 'messages', messages: rows, tools }, withTemplate(chatMl))).toThrow(
      /line 3: tools: the chat template of the base writes no tools/,
    );
  });

  it('is the prompt and the completion that stand for it where there is no template', () => {
    const tokenizer = createTokenizer(byteLevelFiles());
    const plain = { prompt: 'hello', completion: ' world' };
    const example = encode({ kind: 'messages', messages, plain }, tokenizer);
    expect(example).toEqual(encode({ kind: 'completion', ...plain }, tokenizer));
  });

  it('is refused where the template rewrites earlier turns, naming file, line and message', () => {
    const lastOnly = `{% for message in messages %}<|{{ message.role }}|>{% if loop.last %}{{ message.content }}{% endif %}<|end|>{% endfor %}`;
    expect(() => learnedWith(lastOnly)).toThrow(
      expect.objectContaining({
        code: 'CHAT_TEMPLATE_UNSTABLE',
        message: expect.stringContaining('data.jsonl, line 3'),
      }),
    );
  });

  it('names file and line where the template refuses the messages, or there is none', () => {
    expect(() => learnedWith(`{{ raise_exception('no system role') }}`)).toThrow(/line 3: .*no system role/);
    const tokenizer = createTokenizer(byteLevelFiles());
    expect(() => encode({ kind: 'messages', messages }, tokenizer)).toThrow(/line 3: .*no chat template/);
  });
});

describe('a row of token ids', () => {
  it('is taken as it is, with its labels or with all of its tokens as labels', () => {
    const row = { kind: 'tokens', inputIds: [5, 6, 7] } as const;
    expect(encode(row, undefined)).toEqual({ inputIds: Int32Array.of(5, 6, 7), labels: Int32Array.of(5, 6, 7) });
    expect(encode({ ...row, labels: [-100, 9, -100] }, undefined).labels).toEqual(Int32Array.of(-100, 9, -100));
  });

  it.each([
    [{ inputIds: [5, 50] }, /line 3: input_ids\[1\] is 50, but the model has token ids from 0 to 49/],
    [{ inputIds: [-1] }, /input_ids\[0\] is -1/],
    [{ inputIds: [-100] }, /input_ids\[0\] is -100/],
    [{ inputIds: [5], labels: [-5] }, /labels\[0\] is -5/],
    [{ inputIds: [5], labels: [70] }, /labels\[0\] is 70/],
  ])('is refused outside the vocabulary: %j', (row, message) => {
    expect(() => encode({ kind: 'tokens', ...row }, undefined)).toThrow(message);
  });
});

it('a row of words is refused where the model has no tokenizer', () => {
  expect(() => encode({ kind: 'text', text: 'hello' }, undefined)).toThrow(
    expect.objectContaining({ code: 'DATA_TOKENIZER_MISSING', message: expect.stringContaining('line 3 holds text') }),
  );
});

it('a text whose tokens the model does not have is refused', () => {
  const tokenizer = createTokenizer(byteLevelFiles());
  expect(() => encodeRow({ kind: 'text', text: 'hello' }, place, { tokenizer, vocabSize: 10 })).toThrow(
    expect.objectContaining({ code: 'DATA_TOKEN_OUT_OF_RANGE' }),
  );
});
