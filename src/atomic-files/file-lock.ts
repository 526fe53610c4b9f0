import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, utimes } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { EspalierError } from '../core/index.ts';
import { asDiskFull } from './disk-full.ts';
import { createLock, lastTouch, readLock, type LockContent } from './lock-content.ts';
import { lifeOf, ownMark } from './process-mark.ts';

/** Waits for a time, or until the signal aborts. Tests pass a function that takes no time. */
export type Wait = (ms: number, signal: AbortSignal | undefined) => Promise<void>;

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  readonly wait?: Wait;
}

/** Interval at which a holder updates the time of its lock file, so that other hosts and containers see that it is alive. */
const beatMs = 2000;
/** A lock of another host or container counts as free when its time has not changed for this long. */
const silentMs = 10_000;
const askAgainMs = 200;

const waitFor: Wait = async (ms, signal) => {
  await setTimeout(ms, undefined, { ...(signal && { signal }) });
};

/**
 * Acquires a lock file, and waits while another process holds it. If a process was killed, its lock file remains; the lock of an
 * ended process counts as free. Dispose the result to release the lock.
 *
 * @throws the signal's reason when aborted
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<AsyncDisposable> {
  const { signal, wait = waitFor } = options;
  const silences: Silences = new Map();
  for (;;) {
    signal?.throwIfAborted();
    const lock = await FileLock.take(path, silences);
    if (lock instanceof FileLock) return lock;
    await wait(askAgainMs, signal);
  }
}

/**
 * Locks an output path, so that a second process that is to write the same output fails before it starts its work.
 *
 * @throws EspalierError OUTPUT_BUSY with the process that holds the lock, DISK_FULL; the signal's reason when aborted
 */
export async function lockOutput(
  output: string,
  { signal, wait = waitFor }: LockOptions = {},
): Promise<AsyncDisposable> {
  const place = resolve(output);
  const path = join(dirname(place), `.${basename(place)}.lock`);
  const silences: Silences = new Map();
  for (;;) {
    signal?.throwIfAborted();
    const lock = await FileLock.take(path, silences).catch(async (error: unknown) => {
      throw await asDiskFull(error, path, place);
    });
    if (lock instanceof FileLock) return lock;
    if (lock.kind === 'held') throw new EspalierError('OUTPUT_BUSY', { path: output, pid: lock.pid });
    await wait(askAgainMs, signal);
  }
}

/** Why a lock was not acquired. `unclear`: its holder runs elsewhere, and its lock has not been unchanged for long enough. */
interface Held {
  readonly kind: 'held' | 'unclear';
  readonly pid: number | string;
}

/** For locks of other hosts and containers: the last time of the file, and when this process first saw that time. */
type Silences = Map<string, { readonly touched: number; readonly since: number }>;

class FileLock implements AsyncDisposable {
  readonly #path: string;
  readonly #content: LockContent;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string, content: LockContent) {
    this.#path = path;
    this.#content = content;
    const touch = (): void => void utimes(path, new Date(), new Date()).catch(() => undefined);
    this.#beat = setInterval(touch, beatMs).unref();
  }

  static async take(path: string, silences: Silences): Promise<FileLock | Held> {
    await mkdir(dirname(path), { recursive: true });
    const content: LockContent = { ...(await ownMark()), token: randomUUID() };
    const held = await occupy(path, content, silences);
    return held ?? new FileLock(path, content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beat);
    // WHY the token is compared: if another process took this lock for abandoned, the file is no longer ours.
    const found = await readLock(this.#path);
    if (found?.token === this.#content.token) await rm(this.#path, { force: true });
  }
}

/**
 * Writes `content` at `path` unless a living process holds the lock. The right to replace an ended holder is itself a lock, whose name
 * contains that holder's token. Only one process can have this right, and meanwhile no other process changes the lock. So two processes
 * that see the same abandoned lock cannot both acquire it, and neither removes the lock that the other has just acquired.
 *
 * @returns undefined when the lock was acquired
 */
async function occupy(path: string, content: LockContent, silences: Silences): Promise<Held | undefined> {
  for (;;) {
    if (await createLock(path, content)) return undefined;
    const holder = await readLock(path);
    if (holder === undefined && (await lastTouch(path)) === undefined) continue;
    const held = await judge(path, holder, silences);
    if (held !== undefined) return held;
    const token = holder?.token ?? 'unreadable';
    const claim = `${path}.${token}`;
    const other = await occupy(claim, content, silences);
    if (other !== undefined) return other;
    const current = await readLock(path);
    if ((current?.token ?? 'unreadable') === token && (await lastTouch(path)) !== undefined) {
      await rename(claim, path);
      return undefined;
    }
    await rm(claim, { force: true });
  }
}

/** @returns undefined if the holder has ended */
async function judge(path: string, holder: LockContent | undefined, silences: Silences): Promise<Held | undefined> {
  const life = holder === undefined ? 'unknown' : await lifeOf(holder);
  if (life === 'dead') return undefined;
  const pid = holder?.pid ?? 'unknown';
  if (life === 'alive') return { kind: 'held', pid };
  return judgeSilence(path, pid, silences);
}

/** WHY changes are observed and times not compared with the local clock: the clocks of two hosts may differ. */
async function judgeSilence(path: string, pid: number | string, silences: Silences): Promise<Held | undefined> {
  const touched = await lastTouch(path);
  if (touched === undefined) return { kind: 'unclear', pid };
  const before = silences.get(path);
  const since = before?.touched === touched ? before.since + askAgainMs : 0;
  silences.set(path, { touched, since });
  if (before !== undefined && before.touched !== touched) return { kind: 'held', pid };
  return since >= silentMs ? undefined : { kind: 'unclear', pid };
}
