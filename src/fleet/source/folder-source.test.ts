import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderSource } from './folder-source.ts';
import { parseSource } from './parse-source.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'espalier-fleet-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const { signal } = new AbortController();

/** As git-sync and the kubelet publish: a new folder, a new link, and its renaming over the old one. */
function publish(link: string, target: string, text: string): void {
  mkdirSync(join(folder, target, 'adapters'), { recursive: true });
  writeFileSync(join(folder, target, 'fleet.yaml'), text);
  writeFileSync(join(folder, target, 'adapters', 'a'), text);
  symlinkSync(target, join(folder, `${link}_tmp`));
  renameSync(join(folder, `${link}_tmp`), join(folder, link));
}

describe('a folder as the source of a fleet', () => {
  it('is named by the commit after which git-sync calls it, and follows the exchange of the link', async () => {
    const [first, second] = ['1'.repeat(40), '2'.repeat(40)];
    const source = new FolderSource(join(folder, 'current'));
    publish('current', first, 'one');
    const before = await source.look(signal);
    expect([before.commit, await source.read(before)]).toEqual([first, 'one']);
    publish('current', second, 'two');
    rmSync(join(folder, first), { recursive: true });
    const after = await source.look(signal);
    expect([after.commit, await source.read(after)]).toEqual([second, 'two']);
    await expect(source.read(before)).rejects.toMatchObject({ code: 'FLEET_SOURCE_UNREACHABLE' });
  });

  it('follows the exchange of ..data of a volume, with the files of adapters beside it', async () => {
    const source = new FolderSource(folder);
    publish('..data', '..2026_01', 'one');
    for (const name of ['fleet.yaml', 'adapters']) symlinkSync(join('..data', name), join(folder, name));
    const before = await source.look(signal);
    expect(before.commit).toMatch(/^sha256-[\da-f]{64}$/);
    publish('..data', '..2026_02', 'two');
    const after = await source.look(signal);
    expect([after.commit === before.commit, await source.read(after)]).toEqual([false, 'two']);
    await using opened = await source.open('adapters/a', { state: after, staging: folder, signal });
    expect(opened?.path).toBe(join(folder, '..2026_02', 'adapters', 'a'));
  });

  it('opens nothing outside of it', async () => {
    const source = new FolderSource(join(folder, 'current'));
    publish('current', 'state', 'one');
    writeFileSync(join(folder, 'secret'), 'secret');
    symlinkSync(join(folder, 'secret'), join(folder, 'state', 'adapters', 'link'));
    const state = await source.look(signal);
    for (const path of ['adapters/link', '../secret', 'adapters/none']) {
      expect(await source.open(path, { state, staging: folder, signal })).toBeUndefined();
    }
  });

  it('says that it cannot be read', async () => {
    await expect(new FolderSource(join(folder, 'none')).look(signal)).rejects.toMatchObject({
      code: 'FLEET_SOURCE_UNREACHABLE',
    });
  });
});

describe('the address of a fleet', () => {
  it.each([
    ['fleet', { kind: 'folder', path: 'fleet', folder: '' }],
    ['/srv/fleet#eu/west', { kind: 'folder', path: '/srv/fleet', folder: 'eu/west' }],
    ['file:///srv/fleet.git', { kind: 'git', url: 'file:///srv/fleet.git', scheme: 'file', folder: '' }],
    ['ssh://git@host/fleet.git#eu', { kind: 'git', url: 'ssh://git@host/fleet.git', scheme: 'ssh', folder: 'eu' }],
    ['https://host/fleet.git', { kind: 'git', url: 'https://host/fleet.git', scheme: 'https', folder: '' }],
  ])('is read: %s', (text, expected) => expect(parseSource(text)).toEqual(expected));

  it.each([
    '',
    '#eu',
    'http://host/fleet.git',
    'git://host/fleet.git',
    'ext::sh -c id',
    'ext::sh% -c% id#eu',
    'ssh://-oProxyCommand=id/fleet',
    'https://host',
    'https://host/a b',
    'https://host/fleet.git?x=1',
    'file://host/srv',
    'git@host:team/fleet.git',
    '/srv/fleet#../etc',
    '/srv/fleet#/etc',
    '/srv/fleet#a#b',
    '/srv/fleet#.git',
  ])('is refused: %j', (text) => {
    expect(() => parseSource(text)).toThrowError(expect.objectContaining({ code: 'FLEET_SOURCE_INVALID' }));
  });

  it('is told without a password', () => {
    const secret = 'http://ada:secret@host/fleet.git';
    expect(() => parseSource(secret)).toThrowError(
      expect.objectContaining({ message: expect.not.stringContaining('secret') as string }),
    );
  });
});
