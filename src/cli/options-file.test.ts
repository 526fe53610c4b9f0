import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readOptionsFile } from './options-file.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-options-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(text: string): Promise<Record<string, unknown>> {
  const path = join(folder, 'serve.yaml');
  await writeFile(path, text);
  return readOptionsFile(path, { command: 'serve', known: ['base', 'maxSlots', 'allowedHosts'] });
}

it('takes keys with dashes, with underscores and in camel case', async () => {
  expect(await read('base: models/tiny\nmax-slots: 4\nallowed_hosts: [a, b]\n')).toEqual({
    base: 'models/tiny',
    maxSlots: 4,
    allowedHosts: ['a', 'b'],
  });
  expect(await read('maxSlots: 4')).toEqual({ maxSlots: 4 });
});

it('takes the names that other tools have for options, and each option once', async () => {
  expect(await read('base_model: models/tiny\nmax-num-seqs: 4\n')).toEqual({ base: 'models/tiny', maxSlots: 4 });
  await expect(read('maxSlots: 4\nmax-slots: 5\n')).rejects.toThrow(
    'max-slots is given twice, as maxSlots and as max-slots. Give it once.',
  );
  await expect(read('model: a\nbase: b\n')).rejects.toThrow('base is given twice, as model and as base');
});

it('refuses a key that is no option, with what was probably meant', async () => {
  await expect(read('max-slot: 4')).rejects.toThrow(
    /has "max-slot", which is no option of espalier serve\. Did you mean max-slots\?/,
  );
});

it('refuses what is no mapping', async () => {
  await expect(read('- base')).rejects.toMatchObject({ code: 'TRAIN_CONFIG_UNREADABLE' });
});
