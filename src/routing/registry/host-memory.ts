import type { HostWeights } from './adapter-arena.ts';

/** Weights that stay in memory until the hold is disposed. `dispose` is idempotent. */
export interface WeightsHold<Weights extends HostWeights> extends Disposable {
  readonly weights: Weights;
  dispose(): void;
}

export interface HostMemoryOptions {
  /** Most bytes of all weights together. Weights that are held, or that cannot be read again, may exceed it. */
  readonly limit: number;
  /** Whether the weights of a version must not be dropped, because it may be impossible to read them again. */
  readonly isNeeded: (digest: string) => boolean;
}

interface Kept<Weights> {
  readonly weights: Weights;
  holds: number;
  isDropped: boolean;
}

/** The weights of adapter versions in host memory, within a budget. The least recently used weights are dropped first. */
export class HostMemory<Weights extends HostWeights> {
  readonly limit: number;
  readonly #isNeeded: (digest: string) => boolean;
  /** Least recently used first. */
  readonly #kept = new Map<string, Kept<Weights>>();
  #used = 0;
  #isDisposed = false;

  constructor({ limit, isNeeded }: HostMemoryOptions) {
    this.limit = limit;
    this.#isNeeded = isNeeded;
  }

  /** Bytes of the weights that are kept. */
  get used(): number {
    return this.#used;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** Takes ownership of the weights, as the most recently used, and holds them once. */
  keep(digest: string, weights: Weights): WeightsHold<Weights> {
    this.drop(digest);
    // Weights that arrive after `dispose` are freed as soon as nothing holds them.
    const kept = { weights, holds: 0, isDropped: this.#isDisposed };
    if (this.#isDisposed) return this.#hold(kept);
    this.#kept.set(digest, kept);
    this.#used += weights.bytes;
    const hold = this.#hold(kept);
    this.#shrink();
    return hold;
  }

  /** Like `keep`, but drops no other weights. If there is no room, the given weights are disposed. */
  offer(digest: string, weights: Weights): void {
    if (this.#used + weights.bytes > this.limit) weights.dispose();
    else this.keep(digest, weights).dispose();
  }

  /** @returns undefined if the weights are not in memory */
  hold(digest: string): WeightsHold<Weights> | undefined {
    const kept = this.#kept.get(digest);
    if (kept === undefined) return undefined;
    this.#kept.delete(digest);
    this.#kept.set(digest, kept);
    return this.#hold(kept);
  }

  /** Frees the weights as soon as nothing holds them. */
  drop(digest: string): void {
    const kept = this.#kept.get(digest);
    if (kept === undefined) return;
    this.#kept.delete(digest);
    this.#used -= kept.weights.bytes;
    kept.isDropped = true;
    if (kept.holds === 0) kept.weights.dispose();
  }

  /** Frees everything. Weights that are held are freed when their holds end. */
  dispose(): void {
    this.#isDisposed = true;
    for (const digest of this.#kept.keys()) this.drop(digest);
  }

  #hold(kept: Kept<Weights>): WeightsHold<Weights> {
    kept.holds++;
    let isOpen = true;
    const dispose = (): void => {
      if (!isOpen) return;
      isOpen = false;
      kept.holds--;
      if (kept.holds > 0) return;
      if (kept.isDropped) kept.weights.dispose();
      else this.#shrink();
    };
    return { weights: kept.weights, dispose, [Symbol.dispose]: dispose };
  }

  #shrink(): void {
    if (this.#used <= this.limit) return;
    for (const [digest, { holds }] of this.#kept) {
      if (holds > 0 || this.#isNeeded(digest)) continue;
      this.drop(digest);
      if (this.#used <= this.limit) return;
    }
  }
}
