import { TokenCounts } from '../token-counts.ts';

/**
 * Makes tokens of the prompt and of the answer so far less likely, or more likely if the penalty is below 1.
 *
 *   l = l > 0 ? l / penalty : l · penalty
 *
 * @see Keskar et al. 2019 (CTRL), section 4.1
 */
export class RepetitionPenalty {
  readonly #penalty: number;
  readonly #met: TokenCounts;

  /** @param limit  most tokens of the answer */
  constructor({ penalty, prompt, limit }: { penalty: number; prompt: ArrayLike<number>; limit: number }) {
    this.#penalty = penalty;
    this.#met = new TokenCounts(prompt.length + limit);
    for (let place = 0; place < prompt.length; place++) this.#met.add(prompt[place] ?? 0, 0);
  }

  process(logits: Float32Array): void {
    for (let place = 0; place < this.#met.size; place++) {
      const token = this.#met.tokenAt(place);
      const logit = logits[token] ?? 0;
      logits[token] = logit > 0 ? logit / this.#penalty : logit * this.#penalty;
    }
  }

  note(token: number): void {
    this.#met.add(token, 1);
  }
}
