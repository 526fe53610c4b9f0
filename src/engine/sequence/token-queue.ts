/**
 * Items from one producer to one consumer, in order. The producer never waits, because the request's token limit bounds the queue. A
 * slow reader therefore delays no other request.
 */
export class TokenQueue<T> implements AsyncIterableIterator<T> {
  readonly #onReturn: () => void;
  #items: T[] = [];
  #read = 0;
  #end: { readonly error?: unknown } | undefined;
  #waiting: { resolve(result: IteratorResult<T>): void; reject(reason: unknown): void }[] = [];

  /** @param onReturn  called when the consumer stops early (`break`, `return()`) */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  push(item: T): void {
    if (this.#end) return;
    const reader = this.#waiting.shift();
    if (reader) reader.resolve({ value: item, done: false });
    else this.#items.push(item);
  }

  /** Ends the queue. Items that were pushed can still be read. */
  end(): void {
    this.#close({});
  }

  /** Fails the queue. Items that were not read are dropped, and readers get the error. */
  fail(error: unknown): void {
    if (this.#end) return;
    this.#items = [];
    this.#read = 0;
    this.#close({ error });
  }

  get isClosed(): boolean {
    return this.#end !== undefined;
  }

  #close(end: { readonly error?: unknown }): void {
    if (this.#end) return;
    const readers = this.#waiting.splice(0);
    this.#end = 'error' in end && readers.length > 0 ? {} : end;
    for (const reader of readers) {
      if ('error' in end) reader.reject(end.error);
      else reader.resolve({ value: undefined, done: true });
    }
  }

  next(): Promise<IteratorResult<T>> {
    const item = this.#items[this.#read];
    if (this.#read < this.#items.length && item !== undefined) {
      this.#read++;
      return Promise.resolve({ value: item, done: false });
    }
    if (this.#end) return this.#nextAtEnd(this.#end);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** An error is thrown once. Later reads find the end of the queue. */
  #nextAtEnd(end: { readonly error?: unknown }): Promise<IteratorResult<T>> {
    this.#end = {};
    if ('error' in end) return Promise.reject(end.error);
    return Promise.resolve({ value: undefined, done: true });
  }

  return(): Promise<IteratorResult<T>> {
    if (!this.#end) {
      this.end();
      this.#onReturn();
    }
    this.#items = [];
    this.#read = 0;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
