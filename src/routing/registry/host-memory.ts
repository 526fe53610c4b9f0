import { type Clock, publishAdapterEvent, systemClock } from '../../core/index.ts';
import type { HostWeights } from './adapter-arena.ts';

/** Weights that stay in memory until the hold is disposed. `dispose` is idempotent. */
export interface WeightsHold<Weights extends HostWeights> extends Disposable {
  readonly weights: Weights;
  dispose(): void;
}

export interface HostMemoryOptions {
  /** Most bytes of all weights together. Weights that are held, or that cannot be read again, may exceed it. */
  readonly limit: number;
  /** Most versions whose weights are kept, with the same exceptions. Default: any number. */
  readonly maxCount?: number | undefined;
  /** Whether the weights of a version must not be dropped, because it may be impossible to read them again. */
  readonly isNeeded: (digest: string) => boolean;
  /** Whether the weights can be read again at any time, so that `releaseIdle` may drop them. Default: none can. */
  readonly isStored?: ((digest: string) => boolean) | undefined;
  /** Milliseconds after the last use at which `releaseIdle` drops weights. Default: never. */
  readonly idleMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** The weights of one version in host memory. */
export interface ResidentWeights {
  /** SHA-256 of its content. */
  readonly version: string;
  readonly bytes: number;
  /** Number of uses that go on. */
  readonly holds: number;
  /** Milliseconds since the last use; 0 while one goes on. */
  readonly idleMs: number;
}

interface Kept<Weights> {
  readonly weights: Weights;
  holds: number;
  /** The clock's time at which the last hold ended. */
  usedAt: number;
  isDropped: boolean;
}

/** The weights of adapter versions in host memory, within a budget. The least recently used weights are dropped first. */
export class HostMemory<Weights extends HostWeights> {
  readonly limit: number;
  readonly maxCount: number;
  readonly #isNeeded: (digest: string) => boolean;
  readonly #isStored: (digest: string) => boolean;
  readonly #idleMs: number;
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #kept = new Map<string, Kept<Weights>>();
  #used = 0;
  #isDisposed = false;

  constructor(options: HostMemoryOptions) {
    const { limit, maxCount = Infinity, isNeeded, isStored = () => false, idleMs = Infinity } = options;
    this.limit = limit;
    this.maxCount = maxCount;
    this.#isNeeded = isNeeded;
    this.#isStored = isStored;
    this.#idleMs = idleMs;
    this.#clock = options.clock ?? systemClock;
  }

  /** Bytes of the weights that are kept. */
  get used(): number {
    return this.#used;
  }

  get count(): number {
    return this.#kept.size;
  }

  has(digest: string): boolean {
    return this.#kept.has(digest);
  }

  /**
   * Takes ownership of the weights, as the most recently used, and holds them once.
   * @param durationMs  how long it took to read them
   */
  keep(digest: string, weights: Weights, durationMs?: number): WeightsHold<Weights> {
    this.drop(digest);
    // Weights that arrive after `dispose` are freed as soon as nothing holds them.
    const kept = { weights, holds: 0, usedAt: this.#clock.now(), isDropped: this.#isDisposed };
    if (this.#isDisposed) return this.#hold(digest, kept);
    this.#kept.set(digest, kept);
    this.#used += weights.bytes;
    publishAdapterEvent({
      event: 'resident',
      version: digest,
      details: { bytes: weights.bytes },
      ...tookOf(durationMs),
    });
    const hold = this.#hold(digest, kept);
    this.#shrink();
    return hold;
  }

  /** Like `keep`, but drops no other weights. If there is no room, the given weights are disposed. */
  offer(digest: string, weights: Weights, durationMs?: number): void {
    if (this.#used + weights.bytes > this.limit || this.count >= this.maxCount) weights.dispose();
    else this.keep(digest, weights, durationMs).dispose();
  }

  /** @returns undefined if the weights are not in memory */
  hold(digest: string): WeightsHold<Weights> | undefined {
    const kept = this.#kept.get(digest);
    if (kept === undefined) return undefined;
    this.#touch(digest, kept);
    return this.#hold(digest, kept);
  }

  /** The weights, if they are in memory. This is no use of them, and keeps nothing. */
  look(digest: string): Weights | undefined {
    return this.#kept.get(digest)?.weights;
  }

  /** Frees the weights as soon as nothing holds them. */
  drop(digest: string): void {
    const kept = this.#kept.get(digest);
    if (kept === undefined) return;
    this.#kept.delete(digest);
    this.#used -= kept.weights.bytes;
    kept.isDropped = true;
    if (kept.holds === 0) kept.weights.dispose();
    publishAdapterEvent({ event: 'release', version: digest, details: { bytes: kept.weights.bytes } });
  }

  /** Drops weights that were not used for long and can be read again. It takes as long as there are such weights. */
  releaseIdle(): void {
    const before = this.#clock.now() - this.#idleMs;
    for (const [digest, { holds, usedAt }] of this.#kept) {
      if (holds > 0) continue;
      if (usedAt > before) return;
      if (this.#isStored(digest) && !this.#isNeeded(digest)) this.drop(digest);
    }
  }

  /** The digests of the versions whose weights are kept, the least recently used first, with what they take. */
  *table(): Iterable<ResidentWeights> {
    for (const [version, { weights, holds, usedAt }] of this.#kept) {
      yield { version, bytes: weights.bytes, holds, idleMs: holds > 0 ? 0 : this.#clock.now() - usedAt };
    }
  }

  /** Frees everything. Weights that are held are freed when their holds end. */
  dispose(): void {
    this.#isDisposed = true;
    for (const digest of this.#kept.keys()) this.drop(digest);
  }

  /** Makes weights the most recently used. */
  #touch(digest: string, kept: Kept<Weights>): void {
    kept.usedAt = this.#clock.now();
    this.#kept.delete(digest);
    this.#kept.set(digest, kept);
  }

  #hold(digest: string, kept: Kept<Weights>): WeightsHold<Weights> {
    kept.holds++;
    let isOpen = true;
    const dispose = (): void => {
      if (!isOpen) return;
      isOpen = false;
      kept.holds--;
      if (!kept.isDropped) this.#touch(digest, kept);
      if (kept.holds > 0) return;
      if (kept.isDropped) kept.weights.dispose();
      else this.#shrink();
    };
    return { weights: kept.weights, dispose, [Symbol.dispose]: dispose };
  }

  #isFull(): boolean {
    return this.#used > this.limit || this.#kept.size > this.maxCount;
  }

  #shrink(): void {
    if (!this.#isFull()) return;
    for (const [digest, { holds }] of this.#kept) {
      if (holds > 0 || this.#isNeeded(digest)) continue;
      this.drop(digest);
      if (!this.#isFull()) return;
    }
  }
}

function tookOf(durationMs: number | undefined): { readonly durationMs?: number } {
  return durationMs === undefined ? {} : { durationMs };
}
