/** Forbids the tokens that end an answer until it has `minTokens` tokens. */
export class MinTokens {
  readonly #minTokens: number;
  readonly #stops: Int32Array;
  #drawn = 0;

  constructor({ minTokens, stops }: { minTokens: number; stops: ReadonlySet<number> }) {
    this.#minTokens = minTokens;
    this.#stops = Int32Array.from(stops);
  }

  process(logits: Float32Array): void {
    if (this.#drawn >= this.#minTokens) return;
    for (let place = 0; place < this.#stops.length; place++) logits[this.#stops[place] ?? 0] = -Infinity;
  }

  note(): void {
    this.#drawn++;
  }
}
