import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AdapterSource } from './adapter-source.ts';
import type { FileClock } from './read-one-state.ts';
import { readStable } from './read-stable.ts';

let [folder, dir] = ['', ''];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  dir = await write('live', 1);
});
afterEach(() => rm(folder, { recursive: true }));

const files = { required: ['config', 'weights'], optional: [] };

/** A minute later, so that what was just written has settled. */
const later: FileClock = { now: () => Date.now() + 60_000, wait: () => Promise.reject(new Error('it waited')) };

async function write(name: string, version: number): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  for (const file of files.required) await writeFile(join(path, file), `${version}`);
  return path;
}

async function contentOf(source: AdapterSource, name: string): Promise<string> {
  const file = source.requiredFile(name);
  return Buffer.from(await file.read(0, file.size)).toString();
}

/** Both files, with something done between them. */
const both = (between: () => Promise<unknown> = () => Promise.resolve()) => {
  let done = false;
  return async (source: AdapterSource): Promise<string> => {
    const config = await contentOf(source, 'config');
    if (!done) await between();
    done = true;
    return config + (await contentOf(source, 'weights'));
  };
};

describe('readStable', () => {
  it('reads files that have settled at once', async () => {
    expect(await readStable(dir, { files, fileClock: later }, both())).toBe('11');
  });

  it('reads again what was written to in place meanwhile', async () => {
    const change = (): Promise<string> => write('live', 2);
    expect(await readStable(dir, { files, fileClock: later }, both(change))).toBe('22');
  });

  it('reads again when a file was replaced by a rename', async () => {
    const change = async (): Promise<void> => {
      await write('next', 2);
      for (const file of files.required) await rename(join(folder, 'next', file), join(dir, file));
    };
    expect(await readStable(dir, { files, fileClock: later }, both(change))).toBe('22');
  });

  it('reads again when another folder took the place of the first, and never mixes the two', async () => {
    const seen: string[] = [];
    const read = both(async () => {
      await write('next', 2);
      await rename(dir, join(folder, 'old'));
      await rename(join(folder, 'next'), dir);
    });
    const result = await readStable(dir, { files, fileClock: later }, async (source) => {
      const value = await read(source);
      seen.push(value);
      return value;
    });
    expect(result).toBe('22');
    expect(process.platform === 'linux' ? seen : ['11', '22']).toEqual(['11', '22']);
  });

  it('does not believe what is wrong with files that were written to', async () => {
    const read = both(() => write('live', 2));
    const value = await readStable(dir, { files, fileClock: later }, async (source) => {
      const text = await read(source);
      if (text !== '22') throw new Error('torn');
      return text;
    });
    expect(value).toBe('22');
  });

  it('gives up where the writing does not end, and says how to do it', async () => {
    let version = 2;
    const read = async (source: AdapterSource): Promise<string> => {
      const text = await contentOf(source, 'config');
      await write('live', version++);
      return text;
    };
    await expect(readStable(dir, { files, fileClock: later }, read)).rejects.toMatchObject({
      code: 'ADAPTER_CHANGING',
      message: expect.stringContaining('rename the folder'),
    });
    expect(version).toBe(7);
  });

  it('waits for files that were just written, and reads what they have become', async () => {
    const waits: number[] = [];
    const fileClock: FileClock = {
      now: () => Date.now() + 60_000 * waits.length,
      wait: async (ms) => {
        waits.push(ms);
        await writeFile(join(dir, 'weights'), '2'); // the second file of a writer who has written the first
      },
    };
    await writeFile(join(dir, 'config'), '2');
    expect(await readStable(dir, { files, fileClock }, both())).toBe('22');
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThan(0);
  });

  it('says which file is missing', async () => {
    await rm(join(dir, 'weights'));
    await expect(readStable(dir, { files, fileClock: later }, both())).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining(join(dir, 'weights')),
    });
  });
});

describe('an adapter within a folder', () => {
  const within = (): { within: string; files: typeof files; fileClock: FileClock } => ({
    within: join(folder, 'root'),
    files,
    fileClock: later,
  });

  it('may be made of links that stay inside, as a snapshot of the hub is', async () => {
    const snapshot = join(folder, 'root', 'snapshots', 'main');
    await mkdir(snapshot, { recursive: true });
    await write('root/blobs', 3);
    for (const file of files.required) await symlink(`../../blobs/${file}`, join(snapshot, file));
    await symlink('snapshots/main', join(folder, 'root', 'linked'));
    expect(await readStable(snapshot, within(), both())).toBe('33');
    expect(await readStable(join(folder, 'root', 'linked'), within(), both())).toBe('33');
  });

  it.each(['config', 'weights'])('may not have a link that leads out as its %s', async (name) => {
    await write('root/a', 4);
    await rm(join(folder, 'root/a', name));
    await symlink(join(dir, name), join(folder, 'root/a', name));
    await expect(readStable(join(folder, 'root/a'), within(), both())).rejects.toMatchObject({
      code: 'ADAPTER_PATH_OUTSIDE',
    });
  });

  it('is missing where its folder is', async () => {
    await expect(readStable(dir, within(), both())).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('may not be a link that leads out, nor a file outside', async () => {
    await mkdir(join(folder, 'root'));
    await symlink(dir, join(folder, 'root', 'a'));
    for (const path of [join(folder, 'root', 'a'), dir, join(dir, 'config'), join(folder, 'root')]) {
      await expect(readStable(path, within(), both())).rejects.toMatchObject({ code: 'ADAPTER_PATH_OUTSIDE' });
    }
  });

  it('does not begin to read where a link was put between two tries', async () => {
    const place = join(folder, 'root', 'a');
    await write('root/a', 4);
    const change = async (): Promise<void> => {
      await rm(join(place, 'weights'));
      await symlink(join(dir, 'weights'), join(place, 'weights'));
    };
    await expect(readStable(place, within(), both(change))).rejects.toMatchObject({ code: 'ADAPTER_PATH_OUTSIDE' });
  });
});

describe.skipIf(process.platform === 'win32')('what is no file', () => {
  it('is missing, and nothing waits for it: a pipe, a device, a folder', async () => {
    const missing = { code: 'FILE_NOT_FOUND' };
    for (const make of [
      () => execFileSync('mkfifo', [join(dir, 'weights')]),
      () => symlink('/dev/zero', join(dir, 'weights')),
      () => mkdir(join(dir, 'weights')),
      () => symlink('weights', join(dir, 'weights')),
    ]) {
      await rm(join(dir, 'weights'), { recursive: true });
      await make();
      await expect(readStable(dir, { files, fileClock: later }, both())).rejects.toMatchObject(missing);
    }
    await expect(readStable('/dev/zero', { files, fileClock: later }, both())).rejects.toMatchObject(missing);
  });
});
