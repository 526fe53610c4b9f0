import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readGoldenPrompts } from './read-golden-prompts.ts';

let path = '';
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'espalier-')), 'golden.jsonl');
});
afterEach(() => rm(join(path, '..'), { recursive: true }));

it('reads prompts and conversations, a line each', async () => {
  const rows = [
    { prompt: 'a', answer: 'b' },
    { messages: [{ role: 'user', content: 'c' }], adapter: 'policy' },
  ];
  await writeFile(path, `${rows.map((row) => JSON.stringify(row)).join('\n\n')}\n`);
  expect(await readGoldenPrompts(path)).toEqual(rows);
});

it.each(['{"prompt": "a"', '{"answer": "a"}', '{"prompt": "a", "answers": "b"}', '{"prompt": ""}', '[]'])(
  'refuses %s with its line',
  async (line) => {
    await writeFile(path, `{"prompt": "a"}\n${line}\n`);
    await expect(readGoldenPrompts(path)).rejects.toThrow(`${path}:2`);
  },
);

it('says that there is no such file', async () => {
  await expect(readGoldenPrompts(path)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});
