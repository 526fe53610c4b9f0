/**
 * Adds a bias to the logits of named tokens.
 *
 *   l += bias
 */
export class LogitBias {
  readonly #tokens: Int32Array;
  readonly #biases: Float64Array;

  constructor(biases: ReadonlyMap<number, number>) {
    this.#tokens = new Int32Array(biases.size);
    this.#biases = new Float64Array(biases.size);
    let place = 0;
    for (const [token, bias] of biases) {
      this.#tokens[place] = token;
      this.#biases[place++] = bias;
    }
  }

  process(logits: Float32Array): void {
    for (let place = 0; place < this.#tokens.length; place++) {
      const token = this.#tokens[place] ?? 0;
      logits[token] = (logits[token] ?? 0) + (this.#biases[place] ?? 0);
    }
  }
}
