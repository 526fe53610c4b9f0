import { cp, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileClock } from '../../adapter-files/index.ts';
import { onAdapterEvent, type AdapterEvent } from '../../core/index.ts';
import { goldenFolder, goldenLinears } from '../../adapter-files/testing/golden-linears.ts';
import { AdapterTokenizers, createTokenizer } from '../../tokenizer/index.ts';
import { byteLevelFiles } from '../../tokenizer/testing/tiny-tokenizers.ts';
import { AdapterRegistry } from '../registry/adapter-registry.ts';
import { FakeArena, FakeFiles, knownOf } from '../testing/fake-arena.ts';
import { createAdapterAdministration } from './adapter-administration.ts';
import { FileSource } from './file-source.ts';

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-'));
  folder = join(root, 'adapters');
  await cp(goldenFolder('llama', 'trained'), join(folder, 'mine'), { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

const tokenizer = createTokenizer(byteLevelFiles({ chatTemplate: 'base' }));
const now: FileClock = { now: () => Date.now() + 1e6, wait: async () => {} };

async function source(path: string, fileClock: FileClock = now): Promise<FileSource> {
  const tokenizers = new AdapterTokenizers({ folder: root, tokenizer });
  return new FileSource(path, { folder, linears: await goldenLinears(), tokenizers, fileClock });
}

async function templateOf(from: FileSource): Promise<string | undefined> {
  const own = await (await from.read()).openTokenizer?.();
  return own?.renderChat([{ role: 'user', content: 'hi' }], { addGenerationPrompt: true });
}

describe('the template of an adapter', () => {
  const write = (content: string): Promise<void> => writeFile(join(folder, 'mine', 'chat_template.jinja'), content);

  it('is read with its weights', async () => {
    expect(await templateOf(await source('mine'))).toBeUndefined();
    await write('mine');
    expect(await templateOf(await source('mine'))).toBe('mine');
  });

  it('is of one state with them: a folder that is replaced meanwhile is read again', async () => {
    await write('first');
    await cp(join(folder, 'mine'), join(root, 'second'), { recursive: true });
    await writeFile(join(root, 'second', 'chat_template.jinja'), 'second');
    let waits = 0;
    const wait = async (): Promise<void> => {
      if (waits++ > 0) return;
      await rm(join(folder, 'mine'), { recursive: true });
      await rename(join(root, 'second'), join(folder, 'mine'));
    };
    // The time stands still at the last write, so the files never settle and the clock is waited for.
    const { mtimeMs } = await stat(join(root, 'second', 'chat_template.jinja'));
    expect(await templateOf(await source('mine', { now: () => mtimeMs, wait }))).toBe('second');
    expect(waits).toBeGreaterThan(0);
  });

  it('may not be a link to a file outside of the folder of adapters', async () => {
    await writeFile(join(root, 'secret'), 'secret');
    await symlink(join(root, 'secret'), join(folder, 'mine', 'chat_template.jinja'));
    await expect(templateOf(await source('mine'))).rejects.toMatchObject({ code: 'ADAPTER_PATH_OUTSIDE' });
  });

  it('is told at each loading, moves with the name, and stays what it was where it cannot be read', async () => {
    const told: AdapterEvent[] = [];
    using _ = onAdapterEvent((event) => told.push(event));
    using registry = new AdapterRegistry(new FakeArena(), { memory: 2 ** 20 });
    const tokenizers = new AdapterTokenizers({ folder: root, tokenizer });
    const linears = await goldenLinears();
    const options = { registry, linears, folder, baseName: 'base', tokenizers, fileClock: now };
    const { load } = createAdapterAdministration(options);
    const rendered = (): string | undefined => {
      using lease = registry.acquire('mine');
      return lease.share().tokenizer?.renderChat([], { addGenerationPrompt: true });
    };
    const seen: (string | undefined)[] = [];
    // The weights stay the same, and so does their version.
    for (const template of ['first', 'second', 'base']) {
      await write(template);
      await load('mine', 'mine', { replace: true });
      seen.push(rendered());
    }
    await writeFile(join(folder, 'mine', 'tokenizer_config.json'), '{');
    await expect(load('mine', 'mine', { replace: true })).rejects.toMatchObject({ code: 'TOKENIZER_INVALID' });
    expect([...seen, rendered()]).toEqual(['first', 'second', 'base', 'base']);
    // When weights enter memory is another matter.
    const events = told.map(({ event }) => event).filter((event) => event !== 'resident');
    expect(events).toEqual(['load', 'template', 'replace', 'template', 'replace', 'template']);
  });
});

it('a version that is adopted without its weights brings its tokenizer too', async () => {
  using registry = new AdapterRegistry(new FakeArena(), { memory: 2 ** 20 });
  const openTokenizer = (): Promise<typeof tokenizer> => Promise.resolve(tokenizer);
  await registry.adopt('kept', { ...knownOf(new FakeFiles('kept')), openTokenizer });
  using lease = registry.acquire('kept');
  expect(lease.tokenizer).toBe(tokenizer);
});
