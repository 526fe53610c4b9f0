import { appendFile, chmod, mkdtemp, open, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Stamp } from '../../atomic-files/index.ts';
import { BaseWatch, type Lookout, type Watched } from './base-watch.ts';
import { judgeChange } from './judge-change.ts';

let dir = '';
let file = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  file = join(dir, 'model.safetensors');
  await writeFile(file, new Uint8Array(300_000));
  await utimes(file, 1000, 1000); // so that whatever is written has another time
});
afterEach(() => rm(dir, { recursive: true }));

const base = (): Watched => ({ dir, stored: { locations: ['model.safetensors'] } });

const never: Lookout = () => () => undefined;

describe('BaseWatch', () => {
  it.each([
    ['overwritten', () => writeFile(file, new Uint8Array(300_000).fill(1))],
    ['overwritten with the same', () => writeFile(file, new Uint8Array(300_000))],
    ['cut off', () => truncate(file, 4096)],
    ['made longer', () => appendFile(file, 'x')],
    [
      'changed in one place, its time put back',
      async () => {
        await using handle = await open(file, 'r+');
        await handle.write('x', 299_999);
        await handle.utimes(1000, 1000);
      },
    ],
  ])('notices a file that is %s', async (_, change) => {
    await using watch = await BaseWatch.open(base(), { lookout: never });
    await watch.look();
    expect(watch.changed.aborted).toBe(false);
    await change();
    await watch.look();
    expect(watch.changed.reason).toMatchObject({ code: 'BASE_CHANGED', message: expect.stringContaining(file) });
  });

  it.each([
    ['replaced by a rename', () => writeFile(`${file}.new`, 'other').then(() => rename(`${file}.new`, file))],
    ['removed', () => rm(file)],
    ['given other rights', () => chmod(file, 0o400)],
    ['read', () => open(file).then((handle) => handle.close())],
  ])('goes on with a file that is %s: whoever has it open keeps its content', async (_, change) => {
    await using watch = await BaseWatch.open(base(), { lookout: never });
    await change();
    await watch.look();
    await watch.look();
    expect(watch.changed.aborted).toBe(false);
  });

  it('looks when it is told to, and ends its lookout', async () => {
    let look = (): void => undefined;
    let ended = false;
    const lookout: Lookout = (paths, told) => {
      expect(paths).toEqual([file]);
      look = told;
      return () => (ended = true);
    };
    const watch = await BaseWatch.open(base(), { lookout });
    await truncate(file, 10);
    const noticed = new Promise((resolve) => watch.changed.addEventListener('abort', resolve));
    look();
    await noticed;
    await watch[Symbol.asyncDispose]();
    expect(ended).toBe(true);
  });

  it('is told of a change by the system', async () => {
    await using watch = await BaseWatch.open(base());
    const noticed = new Promise((resolve) => watch.changed.addEventListener('abort', resolve));
    await writeFile(file, 'other');
    await noticed;
    expect(watch.changed.reason).toMatchObject({ code: 'BASE_CHANGED' });
  });

  it('says which file is missing', async () => {
    await rm(file);
    await expect(BaseWatch.open(base(), { lookout: never })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('judgeChange', () => {
  const before: Stamp = { device: 1n, inode: 1n, size: 9n, modifiedNs: 5n, changedNs: 6n, bornNs: 4n };
  it.each([
    [before, 'same'],
    [{ ...before, changedNs: 7n }, 'unsure'],
    [{ ...before, modifiedNs: 7n }, 'changed'],
    [{ ...before, size: 8n }, 'changed'],
    [undefined, 'changed'],
  ] as const)('of %o says %s', (now, judgement) => {
    expect(judgeChange(before, now)).toBe(judgement);
  });
});
