import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { confineToFolder, listAdapterFolders } from './adapters-folder.ts';

let folder: string;
let root: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  root = join(folder, 'adapters');
  for (const name of ['adapters/b', 'adapters/a', 'adapters/empty', 'adapters-secret', 'outside']) {
    await mkdir(join(folder, name), { recursive: true });
    if (!name.endsWith('empty')) await writeFile(join(folder, name, 'adapter_config.json'), '{}');
  }
  await symlink(join(folder, 'outside'), join(root, 'leaving'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('confineToFolder', () => {
  it.each(['../outside', '../adapters-secret', 'a/../../outside', '/etc', '', '.', '..'])(
    'refuses %j',
    async (path) => {
      await expect(confineToFolder(root, path)).rejects.toMatchObject({ code: 'ADAPTER_PATH_OUTSIDE' });
    },
  );

  it('refuses a symbolic link that leads out', async () => {
    await expect(confineToFolder(root, 'leaving')).rejects.toMatchObject({ code: 'ADAPTER_PATH_OUTSIDE' });
  });

  it('takes a relative path and an absolute one inside the folder', async () => {
    expect(await confineToFolder(root, 'a')).toBe(await confineToFolder(root, join(root, 'a')));
  });

  it('says that the folder itself is missing', async () => {
    const gone = join(folder, 'gone');
    await expect(confineToFolder(gone, 'a')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('says that nothing is there and where relative paths begin, without a stack of the file system', async () => {
    await expect(confineToFolder(root, 'nothing')).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('(relative paths begin there) at nothing') as string,
    });
  });
});

describe('listAdapterFolders', () => {
  it('lists a link that leads out with its problem, beside the others', async () => {
    expect(await listAdapterFolders(root)).toMatchObject([
      { name: 'a' },
      { name: 'b' },
      { name: 'leaving', path: join(root, 'leaving'), problem: { code: 'ADAPTER_PATH_OUTSIDE' } },
    ]);
  });

  it('lists the folders and files that hold an adapter, in order', async () => {
    await rm(join(root, 'leaving'));
    await writeFile(join(root, 'aa.onnx_adapter'), '');
    await writeFile(join(root, 'c.bin'), '');
    await writeFile(join(root, 'notes.txt'), '');
    expect((await listAdapterFolders(root)).map(({ name }) => name)).toEqual(['a', 'aa', 'b', 'c']);
  });
});
