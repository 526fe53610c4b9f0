import { EspalierError, type Clock } from '../../core/index.ts';
import type { Schedulable, ScheduleState } from './schedule-state.ts';

/** A request that wants to enter the queue. Each of its choices counts as one. */
export interface Applicant {
  /** The caller; undefined if callers are not distinguished. */
  readonly key: string | undefined;
  readonly count: number;
}

/** Places of the queue that are taken: by waiting sequences, and by those that are about to come. */
export interface TakenPlaces {
  readonly all: number;
  /** Those of the applicant's key. */
  readonly own: number;
}

/** A request is small if it needs at most this fraction (1/16) of the places that are left. */
const smallShare = 16;

/**
 * Refuses at once a request for which the queue has no room. A caller with a key may have at most as many requests waiting as places
 * are left afterwards. So one caller fills at most half of the queue, the next one half of the rest, and later callers find room. Small
 * requests are still accepted, so that callers with the same key (behind one address) do not exclude each other with large requests.
 *
 * @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL, CHOICES_BEYOND_QUEUE
 */
export function assertRoom(
  { all, own }: TakenPlaces,
  { key, count }: Applicant,
  { maxWaiting, retryAfterSeconds }: { readonly maxWaiting: number; readonly retryAfterSeconds: number },
): void {
  // What would not be taken even of an empty queue is told so, since to come again would not help.
  const limit = key === undefined ? maxWaiting : Math.max(1, Math.floor(maxWaiting / 2));
  if (count > limit) throw new EspalierError('CHOICES_BEYOND_QUEUE', { count, limit });
  const room = maxWaiting - all;
  if (count > room) {
    throw new EspalierError('QUEUE_FULL', { waiting: all, count, limit: maxWaiting, retryAfterSeconds });
  }
  if (key === undefined) return;
  // A caller without waiting requests may always add one choice. A request that is small beside the room left is always accepted.
  if (own + count <= Math.max(1, room - count) || count * smallShare <= room) return;
  throw new EspalierError('CALLER_QUEUE_FULL', { waiting: own, count, room, retryAfterSeconds });
}

export interface AdmissionOptions {
  readonly state: ScheduleState<Schedulable>;
  /** Most sequences that wait. */
  readonly maxWaiting: number;
  readonly pace: QueuePace;
}

/**
 * Decides who may enter the queue. A request can reserve its places before it is read, so that a request that must be refused costs
 * nothing else, and so that requests that are read at the same time do not all count on the same places.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #reserved = new Map<string | undefined, number>();
  #allReserved = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL */
  assertRoom(applicant: Applicant): void {
    this.#assertRoom(applicant, 0);
  }

  /**
   * Reserves places. They are released when the reservation is disposed.
   * @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL
   */
  reserve({ key, count }: Applicant): Reservation {
    const places = new Reservation((from, to) => {
      // WHY less its own: a request is judged as a whole.
      if (to > from) this.#assertRoom({ key, count: to }, from);
      this.#allReserved += to - from;
      const own = (this.#reserved.get(key) ?? 0) + to - from;
      if (own === 0) this.#reserved.delete(key);
      else this.#reserved.set(key, own);
    });
    places.resize(count);
    return places;
  }

  #assertRoom(applicant: Applicant, held: number): void {
    const { state, maxWaiting, pace } = this.#options;
    const all = state.waiting.length + this.#allReserved - held;
    const own = waitingOf(state, applicant.key) + (this.#reserved.get(applicant.key) ?? 0) - held;
    assertRoom({ all, own }, applicant, { maxWaiting, retryAfterSeconds: pace.retryAfterSeconds(all) });
  }
}

/** Changes the number of reserved places. @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL; nothing has changed then */
type ChangePlaces = (from: number, to: number) => void;

/** Places of the queue that are kept for the choices of one request. */
export class Reservation implements Disposable {
  readonly #change: ChangePlaces;
  #count = 0;

  constructor(change: ChangePlaces) {
    this.#change = change;
  }

  /** @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL; nothing has changed then */
  resize(count: number): void {
    this.#change(this.#count, count);
    this.#count = count;
  }

  /** Gives a place back, because a sequence enters the queue in it. @returns false if none is left */
  use(): boolean {
    if (this.#count === 0) return false;
    this.resize(this.#count - 1);
    return true;
  }

  [Symbol.dispose](): void {
    this.resize(0);
  }
}

/** The waiting sequences of a caller. WHY counted from those that run: there are few, and the caller's flow knows the number of all. */
function waitingOf({ callers, running, prefilling }: ScheduleState<Schedulable>, key = ''): number {
  const live = callers.parts.get(key)?.live ?? 0;
  const isOwn = ({ path }: Schedulable): boolean => path[0] === key;
  return live === 0 ? 0 : live - running.filter(isOwn).length - prefilling.filter(isOwn).length;
}

/** Measures how fast the queue moves, to tell a refused caller when to try again. */
export class QueuePace {
  readonly #clock: Clock;
  #lastStart: number | undefined;
  #intervalMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records that a sequence was taken from the queue, and how many it left there. */
  started(left: number): void {
    const now = this.#clock.now();
    // A moving average over about the last eight intervals.
    if (this.#lastStart !== undefined) this.#intervalMs += (now - this.#lastStart - this.#intervalMs) / 8;
    // WHY not behind an empty queue: the time until somebody comes says nothing of how fast others are served.
    this.#lastStart = left > 0 ? now : undefined;
  }

  /** Estimates the time until `waiting` sequences have been taken, in whole seconds from 1 to 60. */
  retryAfterSeconds(waiting: number): number {
    return Math.min(60, Math.max(1, Math.ceil((waiting * this.#intervalMs) / 1000)));
  }
}
