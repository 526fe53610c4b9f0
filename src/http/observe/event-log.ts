import { randomBytes } from 'node:crypto';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';

/** An event with its place in the log. */
export interface LoggedEvent {
  /** Names the event for clients that go on after it. */
  readonly id: string;
  readonly event: AdapterEvent;
}

export interface EventsSince {
  readonly events: readonly LoggedEvent[];
  /** Whether events between the place and the first of these are not kept, or the place is one of another process. */
  readonly isGap: boolean;
}

/** WHY so many: a start with a thousand adapters is to be seen whole, and each takes about 300 bytes. */
const defaultKept = 2000;

/**
 * The latest events of the adapters of this process, and those who listen to the next ones. Bounded: the oldest event makes place for the
 * newest.
 */
export class EventLog implements Disposable {
  /** WHY: numbers of a process that ended must not be taken for those of this one. */
  readonly #epoch = randomBytes(4).toString('hex');
  readonly #kept: LoggedEvent[] = [];
  readonly #limit: number;
  readonly #listeners = new Set<(logged: LoggedEvent) => void>();
  readonly #subscription: Disposable;
  #count = 0;

  /** @param limit  most events that are kept */
  constructor(limit: number = defaultKept) {
    this.#limit = limit;
    this.#subscription = onAdapterEvent((event) => this.#add(event));
  }

  /** The events after one, the oldest first. @param id  undefined: all that are kept */
  since(id: string | undefined): EventsSince {
    const events = this.#kept;
    if (id === undefined) return { events: [...events], isGap: false };
    const number = this.#numberOf(id);
    if (number === undefined || number > this.#count) return { events: [...events], isGap: true };
    const missing = this.#count - number;
    if (missing > events.length) return { events: [...events], isGap: true };
    return { events: missing === 0 ? [] : events.slice(-missing), isGap: false };
  }

  /** The id of the last event, or of the place before the first. */
  get lastId(): string {
    return `${this.#epoch}-${this.#count}`;
  }

  /** Calls `listener` for each event that comes, until the result is disposed. */
  listen(listener: (logged: LoggedEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #add(event: AdapterEvent): void {
    this.#count++;
    const logged = { id: this.lastId, event };
    this.#kept.push(logged);
    if (this.#kept.length > this.#limit) this.#kept.shift();
    for (const listener of this.#listeners) listener(logged);
  }

  #numberOf(id: string): number | undefined {
    const [, epoch, number] = /^([\da-f]{8})-(\d{1,15})$/.exec(id) ?? [];
    return epoch === this.#epoch && number !== undefined ? Number(number) : undefined;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#listeners.clear();
  }
}
