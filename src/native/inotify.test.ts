import { renameSync } from 'node:fs';
import { link, mkdir, mkdtemp, open, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeInotify, inotifyFlags } from './inotify-records.ts';
import { openFolderWatcher, type FolderEvent, type FolderWatcher } from './inotify.ts';

let root: string;
let folder: string;
let events: FolderEvent[];
let heard: () => void;
let watcher: FolderWatcher;

const isLinux = process.platform === 'linux';

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-inotify-'));
  folder = join(root, 'watched');
  await mkdir(folder);
  events = [];
  heard = () => undefined;
  if (!isLinux) return;
  const opened = openFolderWatcher((event) => {
    events.push(event);
    heard();
  });
  if (opened === undefined) throw new Error('no inotify');
  watcher = opened;
  if (!watcher.watch(folder)) throw new Error('it is not watched');
});
afterEach(async () => {
  watcher?.[Symbol.dispose]();
  await rm(root, { recursive: true, force: true });
});

/** Resolves when an event has come that fits. */
async function come(fits: (event: FolderEvent) => boolean): Promise<FolderEvent> {
  for (;;) {
    const found = events.find(fits);
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => (heard = resolve));
  }
}

/** Resolves when an event of this name has come. */
const of = (name: string): Promise<FolderEvent> => come((event) => event.kind === 'changed' && event.name === name);

describe.skipIf(!isLinux)('openFolderWatcher', () => {
  it('tells nothing of a file that is being written, and tells when it is closed', async () => {
    const file = await open(join(folder, 'file'), 'w');
    await of('file'); // its creation
    events.length = 0;
    await file.write('content');
    await writeFile(join(folder, 'other'), '');
    await of('other');
    expect(events.filter((event) => event.kind === 'changed' && event.name === 'file')).toEqual([]);
    await file.close();
    await of('file');
  });

  it.each([
    ['moved in', (from: string, to: string) => rename(from, to)],
    ['hard-linked', (from: string, to: string) => link(from, to)],
    ['a link', (from: string, to: string) => symlink(from, to)],
  ])('tells of an entry that is %s', async (_way, bring) => {
    await writeFile(join(root, 'made'), 'elsewhere');
    await bring(join(root, 'made'), join(folder, 'arrived'));
    expect(await of('arrived')).toEqual({ kind: 'changed', folder, name: 'arrived' });
  });

  it('tells of entries that are removed or moved away', async () => {
    for (const name of ['removed', 'moved']) await writeFile(join(folder, name), '');
    await of('moved');
    events.length = 0;
    await rm(join(folder, 'removed'));
    await rename(join(folder, 'moved'), join(root, 'moved'));
    expect(await of('removed')).toEqual({ kind: 'changed', folder, name: 'removed' });
    expect(await of('moved')).toEqual({ kind: 'changed', folder, name: 'moved' });
  });

  it('says when the system has dropped events', async () => {
    const limit = Number(await readFile('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
    if (limit > 2 ** 17) return; // it would take seconds
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    await writeFile(a, '');
    // Without a turn of the event loop nothing is read. Each rename is two events.
    for (let i = 0; i < limit + 512; i += 4) {
      renameSync(a, b);
      renameSync(b, a);
    }
    expect(await come(({ kind }) => kind === 'overflow')).toEqual({ kind: 'overflow' });
    await writeFile(join(folder, 'after'), '');
    await of('after');
  });

  it.each([
    ['removed', () => rm(folder, { recursive: true })],
    ['moved away', () => rename(folder, join(root, 'elsewhere'))],
  ])('says once that a folder was %s, and watches the next of its name', async (_way, change) => {
    await change();
    await come(({ kind }) => kind === 'gone');
    expect(events).toEqual([{ kind: 'gone', folder }]);
    expect(watcher.watch(folder)).toBe(false);
    await mkdir(folder);
    expect(watcher.watch(folder)).toBe(true);
    await writeFile(join(folder, 'new'), '');
    await of('new');
    expect(events.filter(({ kind }) => kind === 'gone')).toHaveLength(1);
  });

  it('tells nothing more of a folder that is unwatched, or after its end', async () => {
    await mkdir(join(root, 'other'));
    watcher.watch(join(root, 'other'));
    watcher.unwatch(folder);
    await writeFile(join(folder, 'unseen'), '');
    await writeFile(join(root, 'other', 'seen'), '');
    await of('seen');
    expect(events.filter((event) => event.kind === 'changed' && event.folder === folder)).toEqual([]);
    watcher[Symbol.dispose]();
    expect(watcher.watch(folder)).toBe(false);
    watcher.unwatch(folder);
  });
});

describe('decodeInotify', () => {
  const record = (watch: number, mask: number, name: string): Buffer => {
    const padded = Buffer.alloc(name === '' ? 0 : 16 * Math.ceil((Buffer.byteLength(name) + 1) / 16));
    padded.write(name);
    return Buffer.concat([Buffer.from(Int32Array.of(watch, mask, 0, padded.length).buffer), padded]);
  };

  it('reads every record of a buffer, with names of any length and none', () => {
    const bytes = Buffer.concat([
      record(1, inotifyFlags.closeWrite, 'a-name-of-sixteen'),
      record(-1, inotifyFlags.overflow, ''),
      record(2, inotifyFlags.create, 'ä'),
    ]);
    expect(decodeInotify(bytes)).toEqual([
      { watch: 1, mask: inotifyFlags.closeWrite, name: 'a-name-of-sixteen' },
      { watch: -1, mask: inotifyFlags.overflow, name: '' },
      { watch: 2, mask: inotifyFlags.create, name: 'ä' },
    ]);
  });

  it('ends at a record that is cut off', () => {
    const whole = record(1, inotifyFlags.create, 'whole');
    const cut = record(2, inotifyFlags.create, 'cut');
    for (let length = 0; length < cut.length; length++) {
      expect(decodeInotify(Buffer.concat([whole, cut.subarray(0, length)]))).toHaveLength(1);
    }
  });
});
