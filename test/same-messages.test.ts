import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPrompt } from '../src/cli/read-prompt.ts';
import { createApp } from '../src/http/app.ts';
import { fakeContext } from '../src/http/testing/fake-context.ts';
import { encodeMessages } from '../src/library/encode-messages.ts';
import { createTokenizer } from '../src/tokenizer/index.ts';
import { byteLevelFiles } from '../src/tokenizer/testing/tiny-tokenizers.ts';
import { encodeRow } from '../src/train/data/encode-row.ts';
import { ignoredLabel } from '../src/train/data/example.ts';
import { parseRow } from '../src/train/data/parse-row.ts';

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
    expect(encodeMessages({ messages }, tokenizer)).toEqual(expected);
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
    expect(() => encodeMessages({ messages }, tokenizer)).toThrow(/messages\[0\]/);
    expect(await inRequest(messages)).toBeUndefined();
  });
});
