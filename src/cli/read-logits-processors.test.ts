import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readLogitsProcessors } from './read-logits-processors.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-processors-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function moduleOf(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

it('gives the functions of a module by their names', async () => {
  const path = await moduleOf(
    'good.mjs',
    'export const first = (logits) => logits.fill(1);\nexport function second() {}',
  );
  const processors = await readLogitsProcessors(path);
  expect(Object.keys(processors).sort()).toEqual(['first', 'second']);
  const logits = new Float32Array(2);
  processors['first']?.(logits, { prompt: [], answer: [] });
  expect([...logits]).toEqual([1, 1]);
});

it.each([
  ['empty.mjs', 'const x = 1;', 'exports nothing'],
  ['value.mjs', 'export const limit = 3;', 'got limit of'],
  ['default.mjs', 'export default () => undefined;', 'exported by name'],
  ['broken.mjs', 'export const = 3;', 'an ES module that can be loaded'],
])('refuses %s', async (name, text, words) => {
  const path = await moduleOf(name, text);
  await expect(readLogitsProcessors(path)).rejects.toThrow(words);
});

it('refuses a file that is not there', async () => {
  await expect(readLogitsProcessors(join(folder, 'none.mjs'))).rejects.toThrow('an ES module that can be loaded');
});
