import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonObject } from '../src/cli/read-options.ts';
import { readPrompt } from '../src/cli/read-prompt.ts';
import { createApp } from '../src/http/app.ts';
import { fakeContext } from '../src/http/testing/fake-context.ts';
import { callOf } from '../src/library/call-of.ts';
import type { GenerationEngine } from '../src/service/index.ts';
import { type ChatMessage, createTokenizer } from '../src/tokenizer/index.ts';
import { byteLevelFiles } from '../src/tokenizer/testing/tiny-tokenizers.ts';
import { encodeRow } from '../src/train/data/encode-row.ts';
import { ignoredLabel } from '../src/train/data/example.ts';
import { parseRow } from '../src/train/data/parse-row.ts';
import { readExamples } from '../src/train/index.ts';

const chatTemplate = `{% for m in messages %}<|{{ m.role }}|>{{ m.name or '' }}{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`;
const tokenizer = createTokenizer(byteLevelFiles({ chatTemplate }));

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'espalier-same-'))));
afterAll(() => rm(folder, { recursive: true }));

type Messages = readonly object[];

/** The tokens before the last answer of a row. */
function inTraining(messages: Messages): number[] {
  const place = { path: 'rows.jsonl', unit: 'line', line: 1 } as const;
  const row = parseRow({ messages: [...messages, { role: 'assistant', content: 'yes' }] }, place);
  const { inputIds, labels } = encodeRow(row, place, { tokenizer, vocabSize: tokenizer.vocabSize });
  return [...inputIds.subarray(0, labels.findLastIndex((label) => label === ignoredLabel) + 1)];
}

async function onCommandLine(messages: Messages): Promise<readonly number[]> {
  const file = join(folder, 'messages.json');
  await writeFile(file, JSON.stringify(messages));
  return (await readPrompt({ messages: file }, tokenizer)).tokens;
}

async function inRequest(messages: Messages): Promise<readonly number[] | undefined> {
  const context = { ...fakeContext(), tokenizer };
  const app = createApp(context, { generation: context });
  await app.inject({
    method: 'POST',
    url: '/v1/chat/completions',
    payload: { model: 'base', messages, max_tokens: 1 },
  });
  return context.requests[0]?.tokens;
}

async function inLibrary(messages: Messages): Promise<readonly number[] | undefined> {
  const { plan } = callOf({ messages: messages as readonly ChatMessage[] });
  return (await plan.prompts({ ...fakeContext(), tokenizer }))[0]?.tokens;
}

const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":  1}' } };

describe('the same messages are the same tokens in training, on the command line, in the library and in requests', () => {
  it.each<[string, Messages]>([
    ['a text', [{ role: 'user', content: 'hello' }]],
    ['parts', [{ role: 'user', content: ['he', 'llo'].map((text) => ({ type: 'text', text })) }]],
    [
      'developer',
      [
        { role: 'developer', content: 'be' },
        { role: 'user', content: 'a' },
      ],
    ],
    ['a name', [{ role: 'user', name: 'Al', content: 'a' }]],
    [
      'calls and results',
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c', content: 'ok' },
      ],
    ],
    [
      'the older calls',
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: 'ok' },
      ],
    ],
    [
      'what an answer carries',
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b', refusal: null, annotations: [], tool_calls: null, weight: 0 },
        { role: 'user', content: 'c' },
      ],
    ],
  ])('%s', async (_, messages) => {
    const expected = inTraining(messages);
    expect(expected.length).toBeGreaterThan(3);
    expect(await onCommandLine(messages)).toEqual(expected);
    expect(await inLibrary(messages)).toEqual(expected);
    expect(await inRequest(messages)).toEqual(expected);
  });

  it.each<[string, Messages]>([
    ['an unknown role', [{ role: 'critic', content: 'a' }]],
    ['no content', [{ role: 'user', content: null }]],
    ['an image', [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }]],
    ['a misspelt field', [{ role: 'user', contents: 'a' }]],
  ])('and %s is refused by all', async (__, messages) => {
    expect(() => inTraining(messages)).toThrow(/messages\[0\]/);
    await expect(onCommandLine(messages)).rejects.toThrow(/messages\[0\]/);
    await expect(inLibrary(messages)).rejects.toThrow(/messages\[0\]/);
    expect(await inRequest(messages)).toBeUndefined();
  });
});

describe('numbers are written as they came, as Python reads them', () => {
  const numbers = '{"a": 2.0, "b": 2, "c": 1e3, "d": 12345678901234567890, "e": [1.0, 1.5], "f": -0}';
  const python = '{"a": 2.0, "b": 2, "c": 1000.0, "d": 12345678901234567890, "e": [1.0, 1.5], "f": 0}';
  const writing = createTokenizer(
    byteLevelFiles({
      chatTemplate: `{{ kw | tojson }}{{ t }}{{ tools | tojson }};{% for m in messages %}{{ m.n }}{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}{{ c.x }}{% endfor %}{{ m.content }}{% endfor %}`,
    }),
  );
  const called = `{"role": "assistant", "content": "", "n": 3.0, "tool_calls": [{"type": "function", "x": 4.0, "function": {"name": "f", "arguments": ${numbers}}}]}`;
  const tool = `[{"type": "function", "function": {"name": "f", "default": ${numbers}}}]`;
  const written = (tools: string): string => `${python}5.0${tools};3.0${python}4.0x`;
  const asked = `{"model": "base", "max_tokens": 1, "chat_template_kwargs": {"kw": ${numbers}, "t": 5.0}, "messages": [${called}, {"role": "user", "content": "x"}]`;

  it('in requests', async () => {
    const seen: (readonly number[])[] = [];
    const engine: GenerationEngine = {
      generate({ tokens }) {
        seen.push(tokens);
        throw new Error('enough');
      },
    };
    const context = { ...fakeContext(), engine, tokenizer: writing, maxLength: 4096 };
    const app = createApp(context, { generation: context });
    const headers = { 'content-type': 'application/json' };
    await app.inject({ method: 'POST', url: '/v1/chat/completions', headers, payload: `${asked}}` });
    expect(writing.decode(seen[0] ?? [])).toBe(written('null'));
  });

  it('in rows and their cells', async () => {
    const file = join(folder, 'rows.jsonl');
    const row = asked.replace('"model": "base", "max_tokens": 1, ', '').slice(0, -1);
    await writeFile(file, `${row}, ${called}], "tools": ${tool}}`);
    const { examples } = await readExamples(file, {
      tokenizer: writing,
      vocabSize: writing.vocabSize,
      maxLength: 4096,
    });
    const tools = `[{"type": "function", "function": {"name": "f", "default": ${python}}}]`;
    expect(examples.map(({ inputIds }) => writing.decode([...inputIds]))).toEqual([`${written(tools)}3.0${python}4.0`]);
  });

  it('on the command line', async () => {
    const file = join(folder, 'numbers.json');
    await writeFile(file, `{"messages": [${called}, {"role": "user", "content": "x"}]}`);
    const kwargs = jsonObject.parse(`{"kw": ${numbers}, "t": 5.0}`);
    const { tokens } = await readPrompt({ messages: file, chatTemplateKwargs: kwargs }, writing);
    expect(writing.decode([...tokens])).toBe(written('null'));
  });
});
