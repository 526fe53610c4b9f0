import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from './file-lock.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-lock-'));
  path = join(folder, 'deep', 'lock');
});
afterEach(() => rm(folder, { recursive: true }));

const never = (): Promise<void> => Promise.reject(new Error('it waited'));
const signal = undefined;

describe('acquireLock', () => {
  it('holds others off until it is given back', async () => {
    {
      await using _ = await acquireLock(path, { signal, wait: never });
      await expect(acquireLock(path, { signal, wait: never })).rejects.toThrow('it waited');
    }
    await using _ = await acquireLock(path, { signal, wait: never });
    expect(await readFile(path, 'utf8')).toContain(String(process.pid));
  });

  it('waits for one of another machine, whose process it cannot ask', async () => {
    await (await acquireLock(path, { signal, wait: never }))[Symbol.asyncDispose]();
    await writeFile(path, 'another-machine 1');
    const controller = new AbortController();
    const reason = new Error('enough');
    const wait = async (): Promise<void> => controller.abort(reason);
    await expect(acquireLock(path, { signal: controller.signal, wait })).rejects.toBe(reason);
    expect(await readFile(path, 'utf8')).toBe('another-machine 1');
  });

  it('takes over what a process that is gone left behind', async () => {
    await (await acquireLock(path, { signal, wait: never }))[Symbol.asyncDispose]();
    await writeFile(path, `${hostname()} 4194305`);
    await using _ = await acquireLock(path, { signal, wait: never });
    expect(await readFile(path, 'utf8')).toBe(`${hostname()} ${process.pid}`);
  });
});
