import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServedAdapter } from '../routing/index.ts';
import { openTokenizer, type Tokenizer } from '../tokenizer/index.ts';
import { byteLevelFiles } from '../tokenizer/testing/tiny-tokenizers.ts';
import { AdapterTokenizers } from './adapter-tokenizers.ts';

describe('an adapter is asked with the template of its own folder', () => {
  let root = '';
  let adapters: ServedAdapter[] = [];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'adapter-tokenizers-'));
    adapters = [];
    await write('base/tokenizer.json', byteLevelFiles().tokenizer);
    await write('base/tokenizer_config.json', { bos_token: '<s>', eos_token: '</s>' });
    await write('base/chat_template.jinja', 'base {{ eos_token }}');
  });
  afterEach(() => rm(root, { recursive: true }));

  async function write(path: string, content: unknown): Promise<void> {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  }

  function serve(name: string, version = 'v1'): void {
    const adapter = { name, version, path: join(root, name), created: 1, state: 'serving' } as const;
    adapters = [...adapters.filter((one) => one.name !== name), adapter];
  }

  async function open(template: 'base' | 'adapter' = 'adapter'): Promise<AdapterTokenizers> {
    const tokenizer = await openTokenizer(join(root, 'base'));
    return new AdapterTokenizers({
      adapters: { list: () => adapters },
      tokenizer,
      baseFolder: join(root, 'base'),
      template,
    });
  }

  const rendered = (tokenizer: Tokenizer | undefined): string | undefined =>
    tokenizer?.renderChat([{ role: 'user', content: 'hi' }], { addGenerationPrompt: true });

  it('or of its configuration, with the special tokens that it names; others with that of the base', async () => {
    await write('mine/chat_template.jinja', 'mine {{ eos_token }} {{ bos_token }}');
    await write('mine/tokenizer_config.json', { eos_token: '<|end|>' });
    await write('listed/tokenizer_config.json', { chat_template: 'listed' });
    await write('plain/adapter_config.json', {});
    for (const name of ['mine', 'listed', 'plain']) serve(name);
    const tokenizers = await open();
    expect(rendered(await tokenizers.of('mine'))).toBe('mine <|end|> <s>');
    expect(rendered(await tokenizers.of('listed'))).toBe('listed');
    expect(rendered(await tokenizers.of('plain'))).toBe('base </s>');
    expect(rendered(await tokenizers.of('base'))).toBe('base </s>');
    expect(await tokenizers.ownNames()).toEqual(['mine', 'listed']);
  });

  it('but not where that is the one of the base, or the server is told so', async () => {
    await write('same/chat_template.jinja', 'base {{ eos_token }}');
    await write('same/tokenizer.json', byteLevelFiles().tokenizer);
    await write('other/chat_template.jinja', 'other');
    serve('same');
    serve('other');
    expect(await (await open()).ownNames()).toEqual(['other']);
    const told = await open('base');
    expect(await told.ownNames()).toEqual([]);
    expect(rendered(await told.of('other'))).toBe('base </s>');
  });

  it('and with its own tokenizer, where that differs from the base', async () => {
    const { tokenizer } = byteLevelFiles();
    const added = [{ id: 300, content: '<|new|>', special: true, normalized: false }];
    await write('mine/tokenizer.json', {
      ...tokenizer,
      added_tokens: [...(tokenizer['added_tokens'] as object[]), ...added],
    });
    serve('mine');
    const tokenizers = await open();
    expect((await tokenizers.of('mine'))?.encode('<|new|>')).toHaveLength(1);
    expect((await tokenizers.of('base'))?.encode('<|new|>').length).toBeGreaterThan(1);
  });

  it('read again when the adapter is loaded again, and once otherwise', async () => {
    await write('mine/chat_template.jinja', 'first');
    serve('mine');
    const tokenizers = await open();
    expect(rendered(await tokenizers.of('mine'))).toBe('first');
    await write('mine/chat_template.jinja', 'second');
    expect(rendered(await tokenizers.of('mine'))).toBe('first');
    serve('mine', 'v2');
    expect(rendered(await tokenizers.of('mine'))).toBe('second');
  });

  it('and forgotten when the adapter is gone', async () => {
    await write('mine/chat_template.jinja', 'first');
    serve('mine');
    const tokenizers = await open();
    expect(rendered(await tokenizers.of('mine'))).toBe('first');
    adapters = [];
    expect(rendered(await tokenizers.of('mine'))).toBe('base </s>');
    await write('mine/chat_template.jinja', 'second');
    serve('mine');
    expect(rendered(await tokenizers.of('mine'))).toBe('second');
  });
});
