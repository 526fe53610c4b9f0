import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BaseModel } from '../models/index.ts';
import { byteLevelFiles } from '../tokenizer/testing/tiny-tokenizers.ts';
import { openTokenizerFor, type TokenizerOptions } from './adapter-tokenizer.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-'));
  await mkdir(join(root, 'base'));
  await writeFile(join(root, 'base', 'tokenizer.json'), JSON.stringify(byteLevelFiles().tokenizer));
  await writeFile(join(root, 'base', 'chat_template.jinja'), 'base');
  await cp(join(root, 'base'), join(root, 'plain'), { recursive: true });
  await mkdir(join(root, 'own'));
  for (const name of ['adapter_config.json', 'adapter_model.safetensors']) await writeFile(join(root, 'own', name), '');
  await writeFile(join(root, 'own', 'chat_template.jinja'), 'own');
  await writeFile(join(root, 'file.jinja'), 'file');
});
afterAll(() => rm(root, { recursive: true }));

it.each<[of: string, adapters: string[], options: Partial<TokenizerOptions>, rendered: string, told: boolean]>([
  ['no adapter', [], {}, 'base', false],
  ['one adapter', ['own'], {}, 'own', true],
  ['its file of weights', ['own/adapter_model.safetensors'], {}, 'own', true],
  ['one that has what the base has', ['plain'], {}, 'base', false],
  ['two adapters', ['own', 'plain'], {}, 'base', false],
  ['--template base', ['own'], { template: 'base' }, 'base', false],
  ['--chat-template', ['own'], { chatTemplate: 'file.jinja' }, 'file', false],
])("of %s, a command takes the right template, and says where it is the adapter's", async (...row) => {
  const [, adapters, { chatTemplate, template = 'adapter' }, rendered, isTold] = row;
  const told: string[] = [];
  const options = {
    adapter: adapters.map((name) => ({ path: join(root, name), scale: 0.5 })),
    template,
    ...(chatTemplate !== undefined && { chatTemplate: join(root, chatTemplate) }),
  };
  const base = { dir: join(root, 'base') } as BaseModel;
  const tokenizer = await openTokenizerFor(options, base, { note: (text) => told.push(text) });
  expect(tokenizer?.renderChat([], { addGenerationPrompt: true })).toBe(rendered);
  expect(told.map((text) => /brings a chat template or a tokenizer of its own/.test(text))).toEqual(
    isTold ? [true] : [],
  );
});
