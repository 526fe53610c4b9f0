/** Runs tasks at once as long as they fit into a budget of bytes, in the order of the calls. One that is larger than all runs alone. */
export class Budget {
  readonly #limit: number;
  readonly #waiting: { readonly bytes: number; readonly begin: () => void }[] = [];
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async take<T>(bytes: number, task: () => Promise<T>): Promise<T> {
    const share = Math.min(bytes, this.#limit);
    if (this.#waiting.length > 0 || this.#used + share > this.#limit) {
      await new Promise<void>((begin) => this.#waiting.push({ bytes: share, begin }));
    } else this.#used += share;
    try {
      return await task();
    } finally {
      this.#used -= share;
      this.#beginNext();
    }
  }

  #beginNext(): void {
    for (let next = this.#waiting[0]; next && this.#used + next.bytes <= this.#limit; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.begin();
    }
  }
}
