import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownMark } from './process-mark.ts';
import type { Replacement } from './replaceable.ts';
import { publishFolder, StagedFolder } from './staged-folder.ts';
import { stagingName } from './staging-name.ts';

let root: string;
let place: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-output-'));
  place = join(root, 'adapter');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const adapter: Replacement = { kind: 'adapter' };
const full = (code = 'ENOSPC'): Error => Object.assign(new Error(`${code}: no space`), { code });

describe('StagedFolder', () => {
  it('is nowhere to be seen until it is published, and then leaves nothing else behind', async () => {
    const folder = await StagedFolder.begin(place, { exclusive: true });
    const inside = join(folder.staging, 'result');
    await mkdir(inside);
    await writeFile(join(inside, 'file'), 'x');
    expect((await readdir(root)).filter((name) => !name.startsWith('.'))).toEqual([]);
    await folder.publish(inside);
    expect(await readdir(root)).toEqual(['adapter']);
    expect(await readdir(place)).toEqual(['file']);
  });

  it('refuses a place that is taken, before it writes anything', async () => {
    await mkdir(place);
    await expect(StagedFolder.begin(place)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await readdir(root)).toEqual(['adapter']);
  });

  it.each([{}, { exclusive: true }, { replace: adapter }])(
    'says why a place cannot be written: %j',
    async (options) => {
      await writeFile(place, '');
      const inside = join(place, 'adapter');
      await expect(StagedFolder.begin(inside, options)).rejects.toMatchObject({
        code: 'OUTPUT_NOT_WRITABLE',
        details: { path: inside, reason: 'a part of its path is a file' },
        cause: { code: 'ENOTDIR' },
      });
    },
  );

  it('refuses a place that was taken meanwhile, also by an empty folder', async () => {
    await using folder = await StagedFolder.begin(place);
    await mkdir(place);
    await expect(folder.publish()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  });

  it('tells a second writer of an exclusive output at its beginning which process writes it', async () => {
    await using _ = await StagedFolder.begin(place, { exclusive: true });
    await expect(StagedFolder.begin(place, { exclusive: true })).rejects.toMatchObject({
      code: 'OUTPUT_BUSY',
      details: { pid: process.pid },
    });
  });

  it('leaves nothing behind when it is discarded, and lets the next one begin', async () => {
    const deep = join(root, 'deep', 'adapter');
    await (await StagedFolder.begin(deep, { exclusive: true })).discard();
    expect(await readdir(join(root, 'deep'))).toEqual([]);
    await (await StagedFolder.begin(deep, { exclusive: true })).discard();
  });
});

describe('publishFolder', () => {
  it('replaces a folder that is not empty', async () => {
    await publishFolder(place, (staging) => writeFile(join(staging, 'adapter_config.json'), '1'));
    await publishFolder(place, (staging) => writeFile(join(staging, 'new'), '2'), { replace: adapter });
    expect(await readdir(place)).toEqual(['new']);
    expect(await readdir(root)).toEqual(['adapter']);
  });

  it.each(['ENOSPC', 'EDQUOT'])('tells a full disk by its code and keeps what was there: %s', async (code) => {
    await publishFolder(place, (staging) => writeFile(join(staging, 'adapter_config.json'), '1'));
    const fill = async (staging: string): Promise<void> => {
      await writeFile(join(staging, 'half'), Buffer.alloc(1500));
      throw full(code);
    };
    await expect(publishFolder(place, fill, { replace: adapter })).rejects.toMatchObject({
      code: 'DISK_FULL',
      details: { what: place, folder: root, written: '1.5 kB' },
    });
    expect(await readdir(root)).toEqual(['adapter']);
    expect(await readdir(place)).toEqual(['adapter_config.json']);
  });
});

describe('what ended processes left behind', () => {
  /** Leaves the staging of a process. */
  async function leave(mark: { realm?: string; pid: number; start: string }, ending = ''): Promise<string> {
    const path = `${stagingName(place, { ...(await ownMark()), ...mark })}${ending}`;
    await mkdir(path);
    await writeFile(join(path, 'metrics.jsonl'), '{}');
    return path;
  }

  it('goes when the next one begins, under the same process id too', async () => {
    await leave({ pid: process.pid, start: '1' });
    await leave({ pid: 4194305, start: '1' });
    await mkdir(join(root, '.adapter.partial-77'));
    await utimes(join(root, '.adapter.partial-77'), 1, 1);
    await using folder = await StagedFolder.begin(place);
    expect((await readdir(root)).map((name) => join(root, name))).toEqual([folder.staging]);
  });

  it('stays while its process lives, or while nobody can tell', async () => {
    const { pid, start } = await ownMark();
    const left = [await leave({ pid, start }), await leave({ realm: '00000000', pid: 1, start: '1' })];
    const old = await leave({ realm: '00000000', pid: 1, start: '1' });
    await utimes(join(old, 'metrics.jsonl'), 1, 1);
    await utimes(old, 1, 1);
    await (await StagedFolder.begin(place)).discard();
    expect((await readdir(root)).map((name) => join(root, name)).sort()).toEqual(left.sort());
  });

  it('comes back when it was the folder that had stepped aside', async () => {
    const aside = await leave({ pid: 4194305, start: '1' }, '.old');
    await writeFile(join(aside, 'adapter_config.json'), '{}');
    await expect(
      publishFolder(place, () => Promise.reject(new Error('not now')), { replace: adapter }),
    ).rejects.toThrow('not now');
    expect(await readdir(root)).toEqual(['adapter']);
    await rename(place, aside);
    await publishFolder(place, (staging) => writeFile(join(staging, 'new'), ''), { replace: adapter });
    expect(await readdir(place)).toEqual(['new']);
    expect(await readdir(root)).toEqual(['adapter']);
  });

  it('is not taken for that of another output', async () => {
    await mkdir(join(root, '.adapter.partial-old.partial-77'));
    await utimes(join(root, '.adapter.partial-old.partial-77'), 1, 1);
    await (await StagedFolder.begin(place)).discard();
    expect(await readFile(join(root, '.adapter.partial-old.partial-77')).catch(() => 'a folder')).toBe('a folder');
    expect(await readdir(root)).toHaveLength(1);
  });
});
