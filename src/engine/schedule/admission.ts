import { EspalierError, type Clock } from '../../core/index.ts';
import type { Schedulable } from './schedule-state.ts';

/** What wants to wait: the choices of one request count singly. */
export interface Applicant {
  /** Whoever asks; undefined where callers are not told apart. */
  readonly key: string | undefined;
  readonly count: number;
}

/** A request of at most one part in so many of the places that are left is small. */
const smallShare = 16;

/**
 * Refuses at once what would wait in vain. A caller that is told apart may have at most as many waiting as there are places left then:
 * alone it fills half of the queue, the next one half of what is left, and whoever comes after them finds room. Small requests go on
 * being taken: callers that cannot be told apart, as behind one address, do not keep each other out with large ones.
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
  // Where nothing of its own waits, one choice is never too many; what is small beside the room that is left may come whoever asks.
  if (own + count <= Math.max(1, room - count) || count * smallShare <= room) return;
  throw new EspalierError('CALLER_QUEUE_FULL', { waiting: own, count, room, retryAfterSeconds });
}

/** How fast the queue moves, of late: what tells a refused caller when to come again. */
export class QueuePace {
  readonly #clock: Clock;
  #lastStart: number | undefined;
  #intervalMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that a sequence was taken from the queue. */
  started(): void {
    const now = this.#clock.now();
    // A moving mean over about the last eight.
    if (this.#lastStart !== undefined) this.#intervalMs += (now - this.#lastStart - this.#intervalMs) / 8;
    this.#lastStart = now;
  }

  /** Until `waiting` sequences will have been taken, in whole seconds from 1 to 60. */
  retryAfterSeconds(waiting: number): number {
    return Math.min(60, Math.max(1, Math.ceil((waiting * this.#intervalMs) / 1000)));
  }
}
