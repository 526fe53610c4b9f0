import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAtomically } from './write-atomically.ts';

let root: string;
let path: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-write-'));
  path = join(root, 'file');
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('writeAtomically', () => {
  it('replaces a file', async () => {
    await writeFile(path, 'old');
    await writeAtomically(path, (handle) => handle.writeFile('new'));
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(root)).toEqual(['file']);
  });

  it.each([true, false])('says why a place cannot be written, where it replaces: %s', async (replace) => {
    const write = (): Promise<void> => Promise.resolve();
    await writeFile(path, '');
    for (const [place, reason] of [
      [join(root, 'nowhere', 'file'), 'its folder is not there'],
      [join(path, 'file'), 'a part of its path is a file'],
    ] as const) {
      const details = { path: place, reason };
      await expect(writeAtomically(place, write, { replace })).rejects.toMatchObject({
        code: 'OUTPUT_NOT_WRITABLE',
        details,
      });
    }
  });

  it('takes no place that is taken where it is not to replace', async () => {
    const late = async (): Promise<void> => writeFile(path, 'first');
    await expect(writeAtomically(path, late, { replace: false })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await expect(writeAtomically(path, late, { replace: false })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await readFile(path, 'utf8')).toBe('first');
    expect(await readdir(root)).toEqual(['file']);
  });

  it('tells a full disk by its code and leaves what was there', async () => {
    await writeFile(path, 'old');
    const write = async (): Promise<void> => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    await expect(writeAtomically(path, write)).rejects.toMatchObject({ code: 'DISK_FULL', details: { what: path } });
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(root)).toEqual(['file']);
  });
});
