import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdapterTokenizers } from './adapter-tokenizers.ts';
import { openTokenizer } from './open-tokenizer.ts';
import { byteLevelFiles } from './testing/tiny-tokenizers.ts';
import type { Tokenizer } from './tokenizer.ts';

describe('an adapter is asked with the template of its own folder', () => {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'adapter-tokenizers-'));
    await write('base/tokenizer.json', byteLevelFiles().tokenizer);
    await write('base/tokenizer_config.json', { bos_token: '<s>', eos_token: '</s>' });
    await write('base/chat_template.jinja', 'base {{ eos_token }}');
  });
  afterEach(() => rm(root, { recursive: true }));

  async function write(path: string, content: unknown): Promise<void> {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  }

  async function own(name: string): Promise<Tokenizer | undefined> {
    const folder = join(root, 'base');
    const tokenizer = await openTokenizer(folder);
    if (tokenizer === undefined) throw new Error('the base has a tokenizer');
    return new AdapterTokenizers({ folder, tokenizer }).open(join(root, name));
  }

  const rendered = async (name: string, tools?: object[]): Promise<string | undefined> =>
    (await own(name))?.renderChat([{ role: 'user', content: 'hi' }], { addGenerationPrompt: true, tools });

  it('or of its configuration, with the special tokens that it names', async () => {
    await write('mine/chat_template.jinja', 'mine {{ eos_token }} {{ bos_token }}');
    await write('mine/tokenizer_config.json', { eos_token: '<|end|>' });
    await write('listed/tokenizer_config.json', { chat_template: 'listed' });
    await write('several/additional_chat_templates/tool_use.jinja', 'with tools');
    await write('plain/adapter_config.json', {});
    expect(await rendered('mine')).toBe('mine <|end|> <s>');
    expect(await rendered('listed')).toBe('listed');
    expect(await rendered('several', [{}])).toBe('with tools');
    expect(await own('plain')).toBeUndefined();
  });

  it('but not where that is the one of the base', async () => {
    await write('same/chat_template.jinja', 'base {{ eos_token }}');
    await write('same/tokenizer.json', byteLevelFiles().tokenizer);
    expect(await own('same')).toBeUndefined();
  });

  it('and with its own tokenizer, where that differs from the base', async () => {
    const { tokenizer } = byteLevelFiles();
    const added = [{ id: 300, content: '<|new|>', special: true, normalized: false }];
    await write('mine/tokenizer.json', {
      ...tokenizer,
      added_tokens: [...(tokenizer['added_tokens'] as object[]), ...added],
    });
    expect((await own('mine'))?.encode('<|new|>')).toHaveLength(1);
  });

  it.each([
    ['tokenizer_config.json', '{', /tokenizer_config\.json cannot be used: it is not valid JSON/],
    ['chat_template.jinja/x', '', /chat_template\.jinja cannot be used: it cannot be read/],
  ])('and refused where %s cannot be used', async (name, content, message) => {
    await write(`torn/${name}`, content);
    await expect(own('torn')).rejects.toThrow(message);
  });
});
