import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { Wait } from './hub-fetch.ts';

export interface LockOptions {
  readonly signal: AbortSignal | undefined;
  readonly wait: Wait;
}

const askAgainMs = 200;

/**
 * Takes a lock that is a file, so that two processes do not write the same download. One whose process is gone counts as
 * free: a kill leaves the file behind. Dispose to give it back.
 */
export async function acquireLock(path: string, { signal, wait }: LockOptions): Promise<AsyncDisposable> {
  const mine = `${hostname()} ${process.pid}`;
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    signal?.throwIfAborted();
    if (await create(path, mine)) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    if (await isAbandoned(path)) await rm(path, { force: true });
    else await wait(askAgainMs, signal);
  }
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx');
    try {
      await handle.writeFile(content);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** WHY another host's lock is never taken: on a shared disk its process cannot be asked. */
async function isAbandoned(path: string): Promise<boolean> {
  const [host, pid] = (await readFile(path, 'utf8').catch(() => '')).split(' ');
  if (host !== hostname() || !/^\d+$/.test(pid ?? '')) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
