import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { onDisk } from './disk-threads.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-disk-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const at = (...parts: readonly string[]): string => join(root, ...parts);
const opening = { files: { required: ['a'], optional: ['b'] }, within: undefined, isListed: true, small: undefined };

describe('a job of the disk', () => {
  it('fails with the code of the system, its number and the path', async () => {
    const failed = onDisk('createFolder', at('gone', 'x'));
    await expect(failed).rejects.toMatchObject({ code: 'ENOENT', errno: -2, path: at('gone', 'x') });
    await expect(failed).rejects.toBeInstanceOf(Error);
  });

  it('says why files cannot be opened', async () => {
    const missing = onDisk('openFiles', { ...opening, path: at('gone'), readUpTo: 0 });
    await expect(missing).rejects.toMatchObject({ reason: 'missing', path: at('gone') });
  });

  it('does many at once, each with its own answer', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `file-${index}`);
    await Promise.all(names.map((name) => onDisk('createFile', at(name), name, { mode: 0o444 })));
    const texts = await Promise.all(names.map((name) => onDisk('readText', at(name))));
    expect(texts).toEqual(names);
    expect((await stat(at('file-7'))).mode & 0o222).toBe(0);
  });

  it('reads small files while it opens them, and tells whether they changed since', async () => {
    await mkdir(at('folder'));
    for (const name of ['a', 'c']) await writeFile(at('folder', name), name);
    const opened = await onDisk('openFiles', { ...opening, path: at('folder'), readUpTo: 100 });
    expect([...(opened.contents ?? [])].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([
      ['a', 'a'],
    ]);
    expect([opened.isUnchanged, await onDisk('areUnchanged', at('folder'), opened)]).toEqual([true, true]);
    await writeFile(at('folder', 'a'), 'other');
    expect(await onDisk('areUnchanged', at('folder'), opened)).toBe(false);
    await onDisk(
      'closeAll',
      [opened.top, ...opened.places.map((place) => place.opened)].flatMap((file) => file?.descriptor ?? []),
    );
    const larger = await onDisk('openFiles', { ...opening, path: at('folder'), readUpTo: 4 });
    expect(larger.contents).toBeUndefined();
    await onDisk(
      'closeAll',
      [larger.top, ...larger.places.map((place) => place.opened)].flatMap((file) => file?.descriptor ?? []),
    );
  });

  it('says that a file has become shorter than what is read of it', async () => {
    await writeFile(at('a'), 'abc');
    const { top } = await onDisk('openFiles', { ...opening, path: at('a'), readUpTo: -1 });
    const short = onDisk('readPart', top.descriptor, { offset: 1, length: 3, path: at('a') });
    await expect(short).rejects.toMatchObject({ code: 'ESHORT' });
    await onDisk('closeAll', [top.descriptor]);
  });
});

describe('changes in order', () => {
  it('end at the first that fails', async () => {
    const made = onDisk('inOrder', [
      ['createFolder', at('one')],
      ['createFolder', at('gone', 'two')],
      ['createFolder', at('three')],
    ]);
    await expect(made).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(root)).toEqual(['one']);
  });

  it.skipIf(process.platform === 'win32')('end at a place that is taken, and say so', async () => {
    for (const name of ['from', 'to']) await writeFile(at(name), name);
    const results = await onDisk('inOrder', [
      ['renameToFree', at('from'), at('free')],
      ['renameToFree', at('free'), at('to')],
      ['unlink', at('to')],
    ]);
    expect(results).toEqual([true, false]);
    expect(await readFile(at('to'), 'utf8')).toBe('to');
  });
});
