import { EspalierError, type Clock } from '../../core/index.ts';
import type { Schedulable } from './schedule-state.ts';

/** A request that wants to enter the queue. Each of its choices counts as one. */
export interface Applicant {
  /** The caller; undefined if callers are not distinguished. */
  readonly key: string | undefined;
  readonly count: number;
}

/** A request is small if it needs at most this fraction (1/16) of the places that are left. */
const smallShare = 16;

/**
 * Refuses at once a request for which the queue has no room. A caller with a key may have at most as many requests waiting as places
 * are left afterwards. So one caller fills at most half of the queue, the next one half of the rest, and later callers find room. Small
 * requests are still accepted, so that callers with the same key (behind one address) do not exclude each other with large requests.
 *
 * @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL
 */
export function assertRoom(
  waiting: readonly Schedulable[],
  { key, count }: Applicant,
  { maxWaiting, retryAfterSeconds }: { readonly maxWaiting: number; readonly retryAfterSeconds: number },
): void {
  const room = maxWaiting - waiting.length;
  if (count > room)
    throw new EspalierError('QUEUE_FULL', { waiting: waiting.length, count, limit: maxWaiting, retryAfterSeconds });
  if (key === undefined) return;
  const own = waiting.reduce((sum, { path }) => sum + (path[0] === key ? 1 : 0), 0);
  // A caller without waiting requests may always add one choice. A request that is small beside the room left is always accepted.
  if (own + count <= Math.max(1, room - count) || count * smallShare <= room) return;
  throw new EspalierError('CALLER_QUEUE_FULL', { waiting: own, count, room, retryAfterSeconds });
}

/** Measures how fast the queue moves, to tell a refused caller when to try again. */
export class QueuePace {
  readonly #clock: Clock;
  #lastStart: number | undefined;
  #intervalMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records that a sequence was taken from the queue. */
  started(): void {
    const now = this.#clock.now();
    // A moving average over about the last eight intervals.
    if (this.#lastStart !== undefined) this.#intervalMs += (now - this.#lastStart - this.#intervalMs) / 8;
    this.#lastStart = now;
  }

  /** Estimates the time until `waiting` sequences have been taken, in whole seconds from 1 to 60. */
  retryAfterSeconds(waiting: number): number {
    return Math.min(60, Math.max(1, Math.ceil((waiting * this.#intervalMs) / 1000)));
  }
}
