import { chmod, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTimers } from '../../core/testing/fake-timers.ts';
import { type KeysEvent, onKeysEvent } from './keys-events.ts';
import { KeysFile } from './keys-file.ts';

let folder: string;
let path: string;
let file: KeysFile | undefined;
let listening: Disposable;
let names: string[][];
let events: KeysEvent[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  path = join(folder, 'keys.yaml');
  [names, events] = [[], []];
  listening = onKeysEvent((event) => events.push(event));
});
afterEach(async () => {
  file?.[Symbol.dispose]();
  file = undefined;
  listening[Symbol.dispose]();
  await rm(folder, { recursive: true });
});

const listOf = (...keys: readonly string[]): string =>
  keys.map((name) => `- {name: ${name}, key: key-of-${name}, models: [${name}]}\n`).join('');
const write = (text: string, to = path): Promise<void> => writeFile(to, text, { mode: 0o600 });

async function open(text: string, timers = new FakeTimers()): Promise<KeysFile> {
  await write(text);
  file = await KeysFile.open({ path, timers, replace: (keys) => names.push(keys.map(({ name }) => name)) });
  return file;
}

describe('KeysFile', () => {
  it('reads the file again when two looks have seen the same change', async () => {
    const keys = await open(listOf('acme'));
    await write(listOf('acme', 'beta'));
    await keys.look();
    expect(names).toEqual([['acme']]);
    await write(listOf('acme', 'beta', 'gamma'));
    await keys.look();
    expect(names).toEqual([['acme']]);
    await keys.look();
    expect(names).toEqual([['acme'], ['acme', 'beta', 'gamma']]);
    await keys.look();
    expect(names).toHaveLength(2);
  });

  it('looks every second until it is disposed', async () => {
    const timers = new FakeTimers();
    const keys = await open(listOf('acme'), timers);
    expect(timers.waiting).toBe(1);
    await write(listOf('beta'));
    timers.advance(1000);
    await expect.poll(() => timers.waiting).toBe(1);
    timers.advance(1000);
    await expect.poll(() => names).toEqual([['acme'], ['beta']]);
    keys[Symbol.dispose]();
    await expect.poll(() => timers.waiting).toBe(0);
  });

  it('follows a file that is exchanged, also behind a link', async () => {
    await write(listOf('acme'), join(folder, 'one'));
    await symlink('one', path);
    file = await KeysFile.open({
      path,
      timers: new FakeTimers(),
      replace: (keys) => names.push(keys.map(({ name }) => name)),
    });
    await write(listOf('beta'), join(folder, 'two'));
    await symlink('two', join(folder, 'next'));
    await rename(join(folder, 'next'), path);
    for (let i = 0; i < 2; i++) await file.look();
    expect(names).toEqual([['acme'], ['beta']]);
  });

  it.each<[what: string, damage: () => Promise<void>, code: string]>([
    ['broken', () => write('- {name'), 'KEYS_FILE_INVALID'],
    ['empty', () => write(''), 'KEYS_FILE_INVALID'],
    ['half', () => write(`${listOf('acme')}- {name: beta}`), 'KEYS_FILE_INVALID'],
    ['gone', () => unlink(path), 'FILE_NOT_FOUND'],
  ])('keeps the old keys while the file is %s, and tells it once', async (_what, damage, code) => {
    const keys = await open(listOf('acme'));
    await damage();
    for (let i = 0; i < 4; i++) await keys.look();
    expect(names).toEqual([['acme']]);
    expect(events.slice(1)).toEqual([{ event: 'refused', path, error: expect.objectContaining({ code }) }]);
    await write(listOf('beta'));
    for (let i = 0; i < 2; i++) await keys.look();
    expect(names).toEqual([['acme'], ['beta']]);
  });

  it('reads it at once when it is asked to', async () => {
    const keys = await open(listOf('acme'));
    await write(listOf('beta'));
    await keys.reload();
    expect(names).toEqual([['acme'], ['beta']]);
    expect(events.at(-1)).toEqual({ event: 'loaded', path, count: 1 });
  });

  it('cannot be opened while the file is broken', async () => {
    await expect(open('{')).rejects.toMatchObject({ code: 'KEYS_FILE_INVALID' });
    await unlink(path);
    await expect(KeysFile.open({ path, replace: () => undefined })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(KeysFile.open({ path: folder, replace: () => undefined })).rejects.toThrow('it is not a file');
  });

  it.skipIf(process.platform === 'win32')('tells that others can read it', async () => {
    const keys = await open(listOf('acme'));
    expect(events.map(({ event }) => event)).toEqual(['loaded']);
    await chmod(path, 0o640);
    await keys.reload();
    expect(events).toContainEqual({ event: 'open', path, mode: '640' });
  });
});
