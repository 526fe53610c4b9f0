import { TokenCounts } from '../token-counts.ts';

/**
 * Makes tokens of the answer so far less likely: once per token, and once per occurrence.
 *
 *   l −= frequency · count + presence
 *
 * @see OpenAI's API, `frequency_penalty` and `presence_penalty`
 */
export class FrequencyPenalty {
  readonly #frequency: number;
  readonly #presence: number;
  readonly #drawn: TokenCounts;

  /** @param limit  most tokens of the answer */
  constructor({ frequency, presence, limit }: { frequency: number; presence: number; limit: number }) {
    this.#frequency = frequency;
    this.#presence = presence;
    this.#drawn = new TokenCounts(limit);
  }

  process(logits: Float32Array): void {
    for (let place = 0; place < this.#drawn.size; place++) {
      const token = this.#drawn.tokenAt(place);
      logits[token] = (logits[token] ?? 0) - (this.#frequency * this.#drawn.countAt(place) + this.#presence);
    }
  }

  note(token: number): void {
    this.#drawn.add(token, 1);
  }
}
