/**
 * Adds a bias to the logits of named tokens.
 *
 *   l += bias
 */
export class LogitBias {
  readonly #tokens: Int32Array;
  readonly #biases: Float64Array;

  constructor(biases: ReadonlyMap<number, number>) {
    this.#tokens = Int32Array.from(biases.keys());
    this.#biases = Float64Array.from(biases.values());
  }

  process(logits: Float32Array): void {
    for (let place = 0; place < this.#tokens.length; place++) {
      const token = this.#tokens[place] ?? 0;
      logits[token] = (logits[token] ?? 0) + (this.#biases[place] ?? 0);
    }
  }
}
