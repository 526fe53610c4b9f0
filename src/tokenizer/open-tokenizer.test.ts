import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openTokenizer } from './open-tokenizer.ts';
import { byteLevelFiles } from './testing/tiny-tokenizers.ts';

describe('openTokenizer', () => {
  let folder = '';
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'tokenizer-'))));
  afterEach(() => rm(folder, { recursive: true }));
  const write = (name: string, content: unknown): Promise<void> =>
    writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));

  it('gives undefined for a folder without tokenizer.json', async () => {
    await write('config.json', { bos_token_id: 1 });
    expect(await openTokenizer(folder)).toBeUndefined();
  });

  it('reads every file that has a say', async () => {
    await write('tokenizer.json', byteLevelFiles().tokenizer);
    await write('tokenizer_config.json', { bos_token: '<s>', eos_token: '</s>', add_bos_token: true });
    await write('generation_config.json', { eos_token_id: [2, 5] });
    await write('chat_template.jinja', '{{ messages[0].content }}');
    const tokenizer = await openTokenizer(folder);
    expect(tokenizer).toMatchObject({ bosId: 1, eosId: 2, eosIds: [2, 5], hasChatTemplate: true });
    expect(tokenizer?.renderChat([{ role: 'user', content: 'hi' }], { addGenerationPrompt: true })).toBe('hi');
  });

  it("takes a chat template by its name in the folder, or a file, in the place of the folder's own", async () => {
    await write('tokenizer.json', byteLevelFiles().tokenizer);
    await write('chat_template.jinja', 'the default');
    await mkdir(join(folder, 'additional_chat_templates'));
    await write('additional_chat_templates/short.jinja', 'the short one');
    await write('other.jinja', 'another');
    const rendered = async (chatTemplate?: string): Promise<string | undefined> => {
      const tokenizer = await openTokenizer(folder, { chatTemplate });
      return tokenizer?.renderChat([{ role: 'user', content: 'hi' }], { addGenerationPrompt: true });
    };
    expect(await rendered()).toBe('the default');
    expect(await rendered('short')).toBe('the short one');
    expect(await rendered(join(folder, 'other.jinja'))).toBe('another');
    await expect(rendered('nothing')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it.each([
    ['tokenizer.json', '{"model": ', /tokenizer\.json cannot be used: it is not valid JSON/],
    ['tokenizer.json', '[]', /does not hold a JSON object/],
    ['tokenizer_config.json', 'nonsense', /tokenizer_config\.json/],
  ])('names the broken file: %s holding %s', async (name, content, message) => {
    await write('tokenizer.json', byteLevelFiles().tokenizer);
    await write(name, content);
    await expect(openTokenizer(folder)).rejects.toThrow(message);
  });

  it('names a file that is not UTF-8', async () => {
    await writeFile(join(folder, 'tokenizer.json'), Uint8Array.of(0x22, 0xff, 0x22));
    await expect(openTokenizer(folder)).rejects.toThrow(/not UTF-8/);
  });
});
