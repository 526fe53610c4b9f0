import type { Clock } from '../../core/index.ts';

/**
 * A bucket that holds what may be taken in a minute, and fills evenly: a token bucket. It may be overdrawn by what is known only after it
 * was taken; then it must fill before more can be taken.
 */
export class TokenBucket {
  readonly perMinute: number;
  readonly #clock: Clock;
  #level: number;
  #at: number;

  constructor(perMinute: number, clock: Clock) {
    this.perMinute = perMinute;
    this.#clock = clock;
    this.#level = perMinute;
    this.#at = clock.now();
  }

  /** What may be taken now. Below 0 if it is overdrawn. */
  get level(): number {
    const now = this.#clock.now();
    this.#level = Math.min(this.perMinute, this.#level + ((now - this.#at) * this.perMinute) / 60_000);
    this.#at = now;
    return this.#level;
  }

  take(amount: number): void {
    this.#level = this.level - amount;
  }

  /** Milliseconds until so much may be taken. At most a minute for what fits into it, if it is not overdrawn. */
  msUntil(amount: number): number {
    return Math.max(0, ((amount - this.level) * 60_000) / this.perMinute);
  }
}
