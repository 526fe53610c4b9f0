import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renameBy } from './rename.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-rename-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe.skipIf(process.platform === 'win32')('renameBy', () => {
  it('swaps two folders that are not empty', async () => {
    for (const name of ['a', 'b']) {
      await mkdir(join(root, name));
      await writeFile(join(root, name, 'name'), name);
    }
    const outcome = renameBy('exchange', join(root, 'a'), join(root, 'b'));
    if (outcome === 'unsupported') return; // this file system cannot; `replaceFolder` has another way
    expect(await readFile(join(root, 'a', 'name'), 'utf8')).toBe('b');
    expect(await readFile(join(root, 'b', 'name'), 'utf8')).toBe('a');
  });

  it('takes no place that is taken, an empty folder included', async () => {
    await mkdir(join(root, 'a'));
    await mkdir(join(root, 'b'));
    expect(renameBy('exclusive', join(root, 'a'), join(root, 'b'))).not.toBe('done');
  });

  it('changes nothing when a path is missing', () => {
    expect(renameBy('exchange', join(root, 'a'), join(root, 'b'))).toBe('unsupported');
    expect(renameBy('exclusive', join(root, 'a'), join(root, 'b'))).toBe('unsupported');
  });
});
