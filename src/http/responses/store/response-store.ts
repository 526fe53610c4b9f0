import { type Clock, systemClock } from '../../../core/index.ts';
import type { Item } from '../items.ts';
import { itemsOf } from './history.ts';
import { type KeptResponse, Shelf } from './shelf.ts';

/** Bounds of a store. */
export interface ResponseLimits {
  /** Most responses. 0: none is kept. */
  readonly count: number;
  /** Most bytes that they take together. */
  readonly bytes: number;
  /** Milliseconds for which a response is kept after its last use. */
  readonly ageMs: number;
}

/** What is absent gets its default. */
export type GivenLimits = { readonly [Limit in keyof ResponseLimits]?: number | undefined };

/** Enough for the conversations of a day, in less memory than the weights of a few adapters take. */
const defaults: ResponseLimits = { count: 10_000, bytes: 64 * 2 ** 20, ageMs: 24 * 60 * 60 * 1000 };

/** What a request goes on from. */
export interface FoundResponse {
  readonly kept: KeptResponse;
  /** All items up to the end of the response, oldest first. */
  history(): readonly Item[];
}

/**
 * Keeps responses in memory, so that later requests can go on from them. An owner finds its own responses only. Beyond a bound, the one
 * that was used longest ago is dropped, of the owner whose responses take the most bytes: nobody drives out the responses of others who
 * keep less.
 *
 * It keeps texts only, no tokens and no version of an adapter: a conversation goes on with the version that its next request is answered
 * by.
 */
export class ResponseStore {
  readonly #limits: ResponseLimits;
  readonly #clock: Clock;
  readonly #shelves = new Map<string, Shelf>();

  constructor(limits: GivenLimits = {}, clock: Clock = systemClock) {
    const { count = defaults.count, bytes = defaults.bytes, ageMs = defaults.ageMs } = limits;
    this.#limits = { count, bytes, ageMs };
    this.#clock = clock;
  }

  /** Whether anything is kept at all. */
  get isOpen(): boolean {
    return this.#limits.count > 0;
  }

  get used(): { readonly count: number; readonly bytes: number } {
    let [count, bytes] = [0, 0];
    for (const shelf of this.#shelves.values()) {
      count += shelf.count;
      bytes += shelf.bytes;
    }
    return { count, bytes };
  }

  /** Keeps a response as far as the bounds allow. @param previousId  the one that it goes on from */
  put(owner: string, kept: KeptResponse, previousId?: string): void {
    this.#dropOld();
    const shelf = this.#shelves.get(owner) ?? new Shelf();
    this.#shelves.set(owner, shelf);
    shelf.put(kept, previousId, this.#clock.now());
    this.#keepBounds();
  }

  find(owner: string, id: string): FoundResponse | undefined {
    const found = this.#shelfOf(owner)?.use(id, this.#clock.now());
    return found && { kept: found.kept, history: () => itemsOf(found.history) };
  }

  findItem(owner: string, itemId: string): Item | undefined {
    return this.#shelfOf(owner)?.useItem(itemId, this.#clock.now());
  }

  /** Responses that go on from it stay. @returns whether there was one */
  drop(owner: string, id: string): boolean {
    return this.#shelfOf(owner)?.drop(id) === true;
  }

  #shelfOf(owner: string): Shelf | undefined {
    this.#dropOld();
    return this.#shelves.get(owner);
  }

  #dropOld(): void {
    const time = this.#clock.now() - this.#limits.ageMs;
    for (const [owner, shelf] of this.#shelves) {
      shelf.dropBefore(time);
      if (shelf.count === 0) this.#shelves.delete(owner);
    }
  }

  #keepBounds(): void {
    let { count, bytes } = this.used;
    while (count > this.#limits.count || bytes > this.#limits.bytes) {
      const [owner, shelf] = this.#largest();
      shelf.dropOldest();
      if (shelf.count === 0) this.#shelves.delete(owner);
      ({ count, bytes } = this.used);
    }
  }

  #largest(): readonly [owner: string, Shelf] {
    let largest: readonly [string, Shelf] = ['', new Shelf()];
    for (const one of this.#shelves) if (one[1].bytes >= largest[1].bytes) largest = one;
    return largest;
  }
}
