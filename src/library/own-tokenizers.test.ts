import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BaseModel } from '../models/index.ts';
import { createTokenizer } from '../tokenizer/index.ts';
import { byteLevelFiles } from '../tokenizer/testing/tiny-tokenizers.ts';
import { OwnTokenizers } from './own-tokenizers.ts';

it('gives a call with one adapter the template of its folder, and any other call that of the base', async () => {
  const root = await mkdtemp(join(tmpdir(), 'own-tokenizers-'));
  try {
    for (const name of ['base', 'mine', 'plain']) await mkdir(join(root, name));
    await writeFile(join(root, 'mine', 'chat_template.jinja'), 'mine');
    const tokenizer = createTokenizer(byteLevelFiles({ chatTemplate: 'base' }));
    const base = { dir: join(root, 'base') } as BaseModel;
    const own = new OwnTokenizers({ base, tokenizer, template: undefined });
    for (const name of ['mine', 'plain']) own.set(name, await own.open(join(root, name)));
    const rendered = (adapter: unknown): string | undefined =>
      own.of(adapter)?.renderChat([{ role: 'user', content: 'hi' }], { addGenerationPrompt: true });
    const asked = ['mine', 'plain', undefined, [{ name: 'mine' }]];
    expect(asked.map(rendered)).toEqual(['mine', 'base', 'base', 'base']);
    own.set('mine', await new OwnTokenizers({ base, tokenizer, template: 'base' }).open(join(root, 'mine')));
    expect(rendered('mine')).toBe('base');
  } finally {
    await rm(root, { recursive: true });
  }
});
