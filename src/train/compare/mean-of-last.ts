/** Steps whose losses are averaged: the rows of one step say little. */
const window = 5;

/** The mean of the last five numbers; of fewer, NaN. */
export class MeanOfLast {
  readonly #last: number[] = [];

  next(value: number): number {
    this.#last.push(value);
    if (this.#last.length > window) this.#last.shift();
    return this.#last.length < window ? NaN : this.#last.reduce((sum, each) => sum + each, 0) / window;
  }
}
