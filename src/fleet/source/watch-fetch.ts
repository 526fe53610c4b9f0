import type { Clock, Timers } from '../../core/index.ts';

export interface WatchOptions<T> {
  /** Fetches. It tells of each sign that something comes, and ends when its signal says so. */
  fetch(signal: AbortSignal, onSign: () => void): Promise<T>;
  /**
   * Asks the source something over a new connection.
   * @returns how many times it was asked until it answered
   */
  ask(signal: AbortSignal): Promise<number>;
  /** After how long without a sign the source is asked. It doubles with each fetch that is begun anew. */
  readonly quietMs: number;
  /** After how long without a sign a fetch is ended for good where the source answers to no question, and where it does. */
  readonly lostMs: number;
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly signal: AbortSignal;
}

/**
 * Fetches, for as long as something comes. While nothing comes, the source is asked over new connections: one that answers at once shows that
 * the link is well, so that the fetch is left to what it does; an answer that comes only after silence shows that the link was cut, and the
 * fetch, whose connection would wait as long again, is begun anew.
 * @throws the error of the fetch; that of the question where the source answers to none; an error in words if nothing came for too long
 */
export async function watchFetch<T>(options: WatchOptions<T>): Promise<T> {
  for (let { quietMs } = options; ; quietMs *= 2) {
    const result = await fetchOnce({ ...options, quietMs });
    if (result !== 'renew') return result.fetched;
  }
}

async function fetchOnce<T>(options: WatchOptions<T>): Promise<{ readonly fetched: T } | 'renew'> {
  const { fetch, clock, signal } = options;
  const [ending, watching] = [new AbortController(), new AbortController()];
  let signAt = clock.now();
  const onSign = (): void => void (signAt = clock.now());
  const fetched = fetch(AbortSignal.any([signal, ending.signal]), onSign).then((answer) => ({ fetched: answer }));
  const watched = watch(options, { signAt: () => signAt, signal: AbortSignal.any([signal, watching.signal]) });
  try {
    const verdict = await Promise.race([fetched, watched]);
    if ('fetched' in verdict) return verdict;
    ending.abort(verdict.problem);
    // WHY it is waited for: the next one needs its locks.
    return await fetched.catch((error: unknown) => {
      if (verdict.problem !== undefined || signal.aborted) throw error;
      return 'renew' as const;
    });
  } finally {
    watching.abort();
  }
}

/** Between two questions while the link is cut. */
const shortPauseMs = 1000;

interface Watched {
  readonly signAt: () => number;
  readonly signal: AbortSignal;
}

/**
 * @returns that the fetch must be ended, with the reason if it shall not be begun anew; never, once its signal says that nobody waits for it
 */
async function watch<T>(
  { ask, quietMs, lostMs, silenceMs, clock, timers }: WatchOptions<T>,
  { signAt, signal }: Watched,
): Promise<{ readonly problem: unknown }> {
  /** When the source began to be silent to questions. */
  let cutAt: number | undefined;
  let waitMs = quietMs;
  for (;;) {
    await pause(waitMs, timers);
    if (signal.aborted) return new Promise(() => undefined);
    const askedAt = clock.now();
    if (askedAt - signAt() >= silenceMs) {
      return { problem: new Error(`nothing came of the fetch for ${silenceMs / 1000} s`) };
    }
    waitMs = quietMs - (askedAt - signAt());
    if (waitMs > 0) continue;
    const answer = await ask(signal).then(
      (asked) => ({ asked }),
      (problem: unknown) => ({ problem }),
    );
    if (cutAt !== undefined && signAt() > cutAt) cutAt = undefined;
    if ('problem' in answer && clock.now() - signAt() >= lostMs) return answer;
    if (('problem' in answer || answer.asked > 1) && signAt() <= askedAt) cutAt ??= askedAt;
    if ('asked' in answer && cutAt !== undefined) return { problem: undefined };
    waitMs = cutAt === undefined ? quietMs : Math.min(quietMs, shortPauseMs);
  }
}

function pause(ms: number, timers: Timers): Promise<void> {
  return new Promise((resolve) => void timers.after(ms, resolve));
}
