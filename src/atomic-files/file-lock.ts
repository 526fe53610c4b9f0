import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, utimes } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { EspalierError } from '../core/index.ts';
import { asDiskFull } from './disk-full.ts';
import { createLock, lastTouch, readLock, type LockContent } from './lock-content.ts';
import { lifeOf, ownMark } from './process-mark.ts';

/** Waits, unless the signal aborts first; a test's own needs no time. */
export type Wait = (ms: number, signal: AbortSignal | undefined) => Promise<void>;

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  readonly wait?: Wait;
}

/** How often a holder touches its lock, so that other hosts and containers see that it lives. */
const beatMs = 2000;
/** A lock of another host or container that nobody touches for so long is free. */
const silentMs = 10_000;
const askAgainMs = 200;

const waitFor: Wait = async (ms, signal) => {
  await setTimeout(ms, undefined, { ...(signal && { signal }) });
};

/**
 * Takes a lock that is a file, and waits for it where another holds it. A lock whose process has ended is free: a kill leaves the
 * file behind. Dispose to give it back.
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
 * Takes the place of an output, so that a second process that is to write the same one learns it at its beginning.
 *
 * @throws EspalierError OUTPUT_BUSY with the process that writes there, DISK_FULL; the signal's reason when aborted
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

/** Why a lock was not taken. `unclear`: its holder cannot be asked, and has not been silent for long enough. */
interface Held {
  readonly kind: 'held' | 'unclear';
  readonly pid: number | string;
}

/** What was seen of locks whose holders cannot be asked: when they were touched last, and how long ago that was first seen. */
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
    // WHY asked: a lock that was taken for abandoned belongs to another by now.
    const found = await readLock(this.#path);
    if (found?.token === this.#content.token) await rm(this.#path, { force: true });
  }
}

/**
 * Writes `content` at `path` unless a living process holds it. The right to succeed an ended holder is itself a lock, whose name
 * holds that holder's token: only one process can have it, and while one has it nobody else changes the lock. So two that see the
 * same abandoned lock cannot both take it, and neither removes what the other has just taken.
 *
 * @returns undefined when it is taken
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

/** @returns undefined when the holder has ended */
async function judge(path: string, holder: LockContent | undefined, silences: Silences): Promise<Held | undefined> {
  const life = holder === undefined ? 'unknown' : await lifeOf(holder);
  if (life === 'dead') return undefined;
  const pid = holder?.pid ?? 'unknown';
  if (life === 'alive') return { kind: 'held', pid };
  return judgeSilence(path, pid, silences);
}

/** WHY what was seen and not the time of day: the clocks of two hosts may differ. */
async function judgeSilence(path: string, pid: number | string, silences: Silences): Promise<Held | undefined> {
  const touched = await lastTouch(path);
  if (touched === undefined) return { kind: 'unclear', pid };
  const before = silences.get(path);
  const since = before?.touched === touched ? before.since + askAgainMs : 0;
  silences.set(path, { touched, since });
  if (before !== undefined && before.touched !== touched) return { kind: 'held', pid };
  return since >= silentMs ? undefined : { kind: 'unclear', pid };
}
