import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock, lockOutput } from './file-lock.ts';
import { ownMark } from './process-mark.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true }));

const never = (): Promise<void> => Promise.reject(new Error('it waited'));
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const token = '01234567-89ab-cdef-0123-456789abcdef';

/** Leaves a lock that another process took. */
async function leave(mark: { realm?: string; pid?: number; start?: string }): Promise<void> {
  await writeFile(path, JSON.stringify({ ...(await ownMark()), ...mark, token }));
}

describe('acquireLock', () => {
  it('holds others off until it is given back', async () => {
    {
      await using _ = await acquireLock(path, { wait: never });
      await expect(acquireLock(path, { wait: never })).rejects.toThrow('it waited');
    }
    await using _ = await acquireLock(path, { wait: never });
    expect(await readFile(path, 'utf8')).toContain(String(process.pid));
  });

  it('leaves nothing behind', async () => {
    await (await acquireLock(path, { wait: never }))[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes over what a process that is gone left behind', async () => {
    await leave({ pid: 4194305 });
    await using _ = await acquireLock(path, { wait: never });
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('takes over what an earlier process of the same id left behind', async () => {
    await leave({ start: '1' });
    await using _ = await acquireLock(path, { wait: never });
    expect(JSON.parse(await readFile(path, 'utf8'))).not.toMatchObject({ token });
  });

  it('takes over a lock whose taking over was cut off', async () => {
    await leave({ pid: 4194305 });
    await writeFile(
      `${path}.${token}`,
      JSON.stringify({ ...(await ownMark()), pid: 4194305, token: token.replace('0', 'f') }),
    );
    await using _ = await acquireLock(path, { wait: never });
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('is held by one alone of many that see the same abandoned lock', async () => {
    for (let round = 0; round < 20; round++) {
      await leave({ pid: 4194305 });
      let holders = 0;
      let most = 0;
      const hold = async (): Promise<void> => {
        const lock = await acquireLock(path, { wait: soon });
        most = Math.max(most, ++holders);
        await soon();
        holders -= 1;
        await lock[Symbol.asyncDispose]();
      };
      await Promise.all(Array.from({ length: 8 }, hold));
      expect(most).toBe(1);
    }
  });

  it('waits for another machine as long as that one gives a sign of life', async () => {
    await leave({ realm: '00000000', pid: 1 });
    const controller = new AbortController();
    const reason = new Error('enough');
    let waits = 0;
    const wait = async (): Promise<void> => {
      if (++waits === 500) controller.abort(reason);
      if (waits % 10 === 0) await utimes(path, waits, waits);
    };
    await expect(acquireLock(path, { signal: controller.signal, wait })).rejects.toBe(reason);
    expect(await readFile(path, 'utf8')).toContain(token);
  });

  it('takes over the lock of another machine that has been silent, and one that says nothing', async () => {
    await leave({ realm: '00000000', pid: 1 });
    await (await acquireLock(path, { wait: soon }))[Symbol.asyncDispose]();
    await writeFile(path, 'another-machine 1');
    await using _ = await acquireLock(path, { wait: soon });
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
  });
});

describe('lockOutput', () => {
  it('tells at once who writes the output', async () => {
    await using _ = await lockOutput(path, { wait: never });
    await expect(lockOutput(path, { wait: never })).rejects.toMatchObject({
      code: 'OUTPUT_BUSY',
      details: { path, pid: process.pid },
    });
  });

  it('tells who writes the output on another machine once that one has given a sign of life', async () => {
    await leave({ realm: '00000000', pid: 7 });
    await writeFile(join(folder, '.lock.lock'), await readFile(path));
    const wait = (): Promise<void> => utimes(join(folder, '.lock.lock'), 5, 5);
    await expect(lockOutput(path, { wait })).rejects.toMatchObject({ code: 'OUTPUT_BUSY', details: { pid: 7 } });
  });
});
