import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createTokenizer } from '../../tokenizer/index.ts';
import { byteLevelFiles } from '../../tokenizer/testing/tiny-tokenizers.ts';
import { encodeExamples, type ReadExamplesOptions } from './encode-example.ts';
import { indexRows } from './indexed-rows.ts';
import { readExamples, type Dataset } from './read-examples.ts';

const tokenizer = createTokenizer(byteLevelFiles());
const defaults = { tokenizer, vocabSize: tokenizer.vocabSize, maxLength: 32 };

let folder = '';
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'examples-'))));
afterEach(() => rm(folder, { recursive: true }));

async function read(content: string | Uint8Array, options: Partial<ReadExamplesOptions> = {}): Promise<Dataset> {
  const path = join(folder, 'data.jsonl');
  await writeFile(path, content);
  return readExamples(path, { ...defaults, ...options });
}

function lines(...rows: readonly unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

describe('readExamples', () => {
  it('reads rows of every kind from one file, in its order', async () => {
    const rows = [{ text: 'hello' }, { prompt: 'a', completion: 'b' }, { input_ids: [9, 8, 7] }];
    const { examples, account } = await read(lines(...rows));
    expect(examples.map(({ inputIds }) => inputIds.length)).toEqual([3, 4, 3]);
    expect(account).toMatchObject({ rows: 3, examples: 3, tokens: 10, supervisedTokens: 6, dropped: 0, truncated: 0 });
  });

  it('cuts at the maximum length, drops what then has nothing to learn, and counts both', async () => {
    const rows = [
      { input_ids: [1, 2, 3, 4, 5] },
      { input_ids: [1, 2, 3, 4, 5], labels: [-100, -100, -100, 4, 5] },
      { input_ids: [1, 2] },
      { input_ids: [1] },
    ];
    const { examples, account } = await read(lines(...rows), { maxLength: 3, withoutTargets: 'drop' });
    expect(examples.map(({ inputIds }) => [...inputIds])).toEqual([
      [1, 2, 3],
      [1, 2],
    ]);
    expect(account).toMatchObject({ rows: 4, examples: 2, tokens: 5, supervisedTokens: 3, dropped: 2, truncated: 1 });
  });

  it('refuses rows with nothing to learn, unless they are to be left out', async () => {
    const rows = [{ input_ids: [1, 2] }, { input_ids: [1] }, { input_ids: [1, 2], labels: [1, -100] }];
    await expect(read(lines(...rows))).rejects.toThrow(
      expect.objectContaining({
        code: 'DATA_ROWS_EMPTY',
        message: expect.stringMatching(/^2 of the 3 rows .* \(first: .*data\.jsonl, line 2\)\. Check .* skipEmpty\.$/),
      }),
    );
  });

  it('keeps rows without a target where told to, as scoring needs', async () => {
    const { examples } = await read(lines({ input_ids: [1] }, { input_ids: [1, 2] }), { withoutTargets: 'keep' });
    expect(examples).toHaveLength(2);
  });

  it('reads lines that end in a carriage return, blank lines, a byte order mark, and a last line without an end', async () => {
    const { examples } = await read('\ufeff{"input_ids":[1,2]}\r\n\r\n  \n{"input_ids":[3,4]}');
    expect(examples.map(({ inputIds }) => [...inputIds])).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('reads characters that a chunk of the file cuts in two', async () => {
    // One chunk is 64 KiB: behind the nine bytes of {"text":" a character of two bytes lies across its end.
    const text = 'é'.repeat(33_000);
    const { examples } = await read(lines({ text }), { maxLength: 100_000 });
    expect(tokenizer.decode([...(examples[0]?.inputIds ?? [])])).toBe(text);
  });

  it('lets the event loop turn while it reads', async () => {
    let turns = 0;
    let reading = true;
    const turn = (): void => {
      turns++;
      if (reading) setImmediate(turn);
    };
    setImmediate(turn);
    const row = { text: 'hello world '.repeat(200) };
    await read(lines(...Array.from({ length: 60 }, () => row)));
    reading = false;
    expect(turns).toBeGreaterThan(10);
  });

  it('stops where it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(read(lines({ text: 'a' }), { signal })).rejects.toThrow('enough');
  });
});

describe('problems of rows', () => {
  it('are counted to the end, and the first few are told', async () => {
    const rows = Array.from({ length: 9 }, (_, i) => (i === 4 ? { text: 'a' } : { txt: 'a' }));
    await expect(read(`${lines(...rows)}{"text":`)).rejects.toThrow(
      expect.objectContaining({
        code: 'DATA_ROWS_INVALID',
        message: expect.stringMatching(/^9 of 10 rows cannot be used\. .*line 1: .*; .*line 6: .*; and 4 more$/),
      }),
    );
  });

  it('end the reading where a file seems to be no data', async () => {
    const rows = Array.from({ length: 1200 }, () => ({}));
    await expect(read(lines(...rows))).rejects.toThrow('1000 of 1000 rows cannot be used');
  });
});

it('counts the formats of rows, and names the fields that none has', async () => {
  const rows = [
    { text: 'hello', id: 1 },
    { text: 'world', id: 2, url: 'x' },
    { question: 'a', answer: 'b' },
  ];
  const { account } = await read(lines(...rows));
  expect(account.formats).toEqual({ text: 2, 'prompt-completion': 1 });
  expect(account.unknownFields).toMatchObject([
    { field: 'id', rows: 2, first: expect.stringMatching(/data\.jsonl, line 1$/) as string },
    { field: 'url', rows: 1, first: expect.stringMatching(/line 2$/) as string },
  ]);
});

describe('a bad file', () => {
  it.each([
    ['broken JSON', '{"text":"a"}\n{"text":\n', 'DATA_JSON_BROKEN', /data\.jsonl, line 2 is not valid JSON/],
    ['a blank line before the bad one', '\n\n{"text": 1}\n', 'DATA_ROW_INVALID', /data\.jsonl, line 3/],
    ['an unknown row', '{"txt":"a"}\n', 'DATA_ROW_UNKNOWN', /line 1.*Did you mean "text"/],
    ['nothing', '', 'DATA_EMPTY', /data\.jsonl has no rows/],
    ['blank lines only', '\n \n', 'DATA_EMPTY', /has no rows/],
    [
      'nothing to learn',
      '{"input_ids":[1]}\n{"input_ids":[2]}\n',
      'DATA_NOTHING_TO_LEARN',
      /None of the 2 rows.*32 tokens. Check that the answers are not empty, and that not all of them are excluded.$/,
    ],
    [
      'targets beyond the longest row',
      JSON.stringify({ input_ids: [...Array(40).keys()], labels: [...Array(39).fill(-100), 1] }),
      'DATA_NOTHING_TO_LEARN',
      /32 tokens. Raise maxLength: what is learned begins beyond it.$/,
    ],
  ])('is refused by name: %s', async (_, content, code, message) => {
    await expect(read(content)).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('is refused where it is not UTF-8, with the line', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"text":"a"}\n{"text":"'),
      Uint8Array.of(0xc3, 0x28),
      Buffer.from('"}\n'),
    ]);
    await expect(read(bytes)).rejects.toThrow(
      expect.objectContaining({ code: 'DATA_NOT_UTF8', message: expect.stringContaining('line 2') }),
    );
  });

  it('is refused where it does not exist, or is a folder', async () => {
    for (const path of [join(folder, 'missing.jsonl'), folder]) {
      await expect(readExamples(path, defaults)).rejects.toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }));
    }
  });
});

describe('a conversation whose earlier answers the template rewrites', () => {
  const chatTemplate = `{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' and loop.last %}(think){% endif %}{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`;
  const thinking = createTokenizer(byteLevelFiles({ chatTemplate }));
  const message = (role: string, content: string): object => ({ role, content });
  const messages = ['Hi', 'Bye', 'So?'].flatMap((text, i) => [message('user', text), message('assistant', `a${i}`)]);
  const file = lines({ messages }, { messages: messages.slice(0, 2) }, { text: 'x' });
  const options = { tokenizer: thinking, vocabSize: thinking.vocabSize, maxLength: 500 };

  /** What is learned of each example, and what stands before it. */
  function shown({ inputIds, labels }: Dataset['examples'][number]): string {
    const mark = labels.findIndex((label) => label !== -100);
    const text = (ids: Int32Array): string => thinking.decode([...ids], { skipSpecial: false });
    return `${text(inputIds.slice(0, mark))} >> ${text(inputIds.slice(mark))}`;
  }

  it('is learned by its last answer, and the others are counted', async () => {
    const { examples, account } = await read(file, options);
    expect(examples.slice(0, 2).map(shown)).toEqual([
      '<|user|>Hi<|end|><|assistant|>a0<|end|><|user|>Bye<|end|><|assistant|>a1<|end|><|user|>So?<|end|><|assistant|> >> (think)a2<|end|>',
      '<|user|>Hi<|end|><|assistant|> >> (think)a0<|end|>',
    ]);
    expect(account).toMatchObject({ rows: 3, examples: 3, passedOver: 2 });
  });

  it('is learned by its last answer too where others speak after it', async () => {
    const rest = [...messages.slice(0, 4), message('user', 'So?'), message('user', 'Well?')];
    const passed = [...messages.slice(0, 3), { ...message('assistant', 'no'), weight: 0 }];
    const { examples, account } = await read(lines({ messages: rest }, { messages: passed }), options);
    expect(examples.map(shown)).toEqual([
      '<|user|>Hi<|end|><|assistant|>a0<|end|><|user|>Bye<|end|><|assistant|> >> (think)a1<|end|>',
      '<|user|>Hi<|end|><|assistant|> >> (think)a0<|end|>',
    ]);
    expect(account).toMatchObject({ rows: 2, examples: 2, passedOver: 1 });
    const each = await read(lines({ messages: rest }), { ...options, answers: 'each' });
    expect(each.examples.map(shown)).toEqual([
      '<|user|>Hi<|end|><|assistant|> >> (think)a0<|end|>',
      '<|user|>Hi<|end|><|assistant|>a0<|end|><|user|>Bye<|end|><|assistant|> >> (think)a1<|end|>',
    ]);
  });

  it.each([0, 2 ** 20])(
    'or is a row for each answer, where that is asked for; with %d bytes held',
    async (heldBytes) => {
      const { examples, account } = await read(file, { ...options, answers: 'each' });
      expect(examples.slice(0, 4).map(shown)).toEqual([
        '<|user|>Hi<|end|><|assistant|> >> (think)a0<|end|>',
        '<|user|>Hi<|end|><|assistant|>a0<|end|><|user|>Bye<|end|><|assistant|> >> (think)a1<|end|>',
        '<|user|>Hi<|end|><|assistant|>a0<|end|><|user|>Bye<|end|><|assistant|>a1<|end|><|user|>So?<|end|><|assistant|> >> (think)a2<|end|>',
        '<|user|>Hi<|end|><|assistant|> >> (think)a0<|end|>',
      ]);
      expect(account).toMatchObject({ rows: 3, examples: 5, passedOver: 0 });
      const path = join(folder, 'data.jsonl');
      const reading = { ...defaults, ...options, answers: 'each' } as const;
      await using source = await indexRows(path, {
        encode: (value, place) =>
          encodeExamples(value, place, { ...reading, counter: undefined }).map(({ example }) => example),
        accept: () => true,
        lengthOf: ({ inputIds }) => inputIds.length,
        bytesOf: () => 100,
        heldBytes,
      });
      expect(await source.read([4, 1, 0, 3, 2])).toEqual([4, 1, 0, 3, 2].map((index) => examples[index]));
    },
  );
});

describe('the end of an answer', () => {
  const file = lines({
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Ho' },
    ],
  });

  it.each([
    ['<|end|>', 0],
    ['<|im_end|>', 0],
    ['', 1],
    ['###', 1],
  ])('is missing in what is learned, and the conversation is counted: %j', async (turnEnd, withoutEnd) => {
    const chatTemplate = `{% for m in messages %}<|user|>{{ m.content }}${turnEnd}\n{% endfor %}`;
    const tokenizer = createTokenizer(byteLevelFiles({ chatTemplate }));
    const { account } = await read(file, { tokenizer, vocabSize: tokenizer.vocabSize, maxLength: 500 });
    expect(account).toMatchObject({ rows: 1, withoutEnd });
  });
});
