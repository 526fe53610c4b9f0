export interface EventQueueOptions<Event> {
  /** Events that wait at most. Of more, the oldest are left out. */
  readonly most?: number;
  /** The event that tells a reader how many were left out. */
  readonly leftOut: (count: number) => Event;
}

/** WHY so many: a reader that is busy for a while loses nothing, and events that nobody reads take about a megabyte. */
const defaultMost = 4096;

/** Events that wait to be read. Each is given to one reader. WHY it never waits for a reader: what tells the events must go on. */
export class EventQueue<Event> implements AsyncIterable<Event> {
  readonly #most: number;
  readonly #leftOutEvent: (count: number) => Event;
  #waiting: Event[] = [];
  #leftOut = 0;
  #end: { readonly error?: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor({ most = defaultMost, leftOut }: EventQueueOptions<Event>) {
    this.#most = most;
    this.#leftOutEvent = leftOut;
  }

  push(event: Event): void {
    this.#waiting.push(event);
    if (this.#waiting.length > this.#most) {
      this.#waiting.shift();
      this.#leftOut += 1;
    }
    this.#wake();
  }

  /** Ends the reading behind what waits. @param end  with an error, which the reader gets */
  end(end: { readonly error?: unknown } = {}): void {
    this.#end = end;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    for (;;) {
      if (this.#leftOut > 0) {
        const count = this.#leftOut;
        this.#leftOut = 0;
        yield this.#leftOutEvent(count);
      }
      const event = this.#waiting.shift();
      if (event !== undefined) yield event;
      else if (this.#end !== undefined) break;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if ('error' in this.#end) throw this.#end.error;
  }
}
