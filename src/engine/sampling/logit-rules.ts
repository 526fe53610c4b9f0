import type { GenerationRequest } from '../sequence/generation-request.ts';
import { TokenCounts } from './token-counts.ts';

/** What else the rules of a request depend on. */
export interface RuleLimits {
  /** Most tokens of the answer. */
  readonly limit: number;
  /** Tokens that end the answer. */
  readonly stops: ReadonlySet<number>;
}

/**
 * What a request does to the model's logits before a token is drawn, in this order:
 *
 *   l += bias                                                 for the tokens of `logitBias`
 *   l = l > 0 ? l / repetition : l · repetition               for tokens of the prompt and of the answer so far
 *   l −= frequency · count + presence                         for tokens of the answer so far, met `count` times
 *   l = −∞                                                    for tokens that end the answer, before it has `minTokens`
 *
 * A request's own; it remembers what was drawn. Nothing is allocated from step to step, and nothing is done for tokens that no rule names
 * but to copy the row, which the log-probabilities of the model itself are still read from.
 *
 * @see Keskar et al. 2019 (CTRL), section 4.1, for the repetition penalty; OpenAI's API for frequency and presence; vLLM for the order
 */
export class LogitRules {
  readonly #biased: Int32Array;
  readonly #biases: Float64Array;
  readonly #counts: TokenCounts | undefined;
  readonly #repetition: number;
  readonly #frequency: number;
  readonly #presence: number;
  readonly #stops: Int32Array;
  readonly #minTokens: number;
  #drawn = 0;

  /** undefined where the request asks for no rule, so that its steps cost nothing more. */
  static of(request: GenerationRequest, limits: RuleLimits): LogitRules | undefined {
    const { presencePenalty = 0, frequencyPenalty = 0, repetitionPenalty = 1, minTokens = 0, logitBias } = request;
    const counts = presencePenalty !== 0 || frequencyPenalty !== 0 || repetitionPenalty !== 1;
    const others = minTokens > 0 || (logitBias?.size ?? 0) > 0;
    return counts || others ? new LogitRules(request, { ...limits, counts }) : undefined;
  }

  private constructor(request: GenerationRequest, { limit, stops, counts }: RuleLimits & { readonly counts: boolean }) {
    const { tokens, presencePenalty = 0, frequencyPenalty = 0, repetitionPenalty = 1, logitBias = new Map() } = request;
    this.#biased = Int32Array.from(logitBias.keys());
    this.#biases = Float64Array.from(logitBias.values());
    this.#repetition = repetitionPenalty;
    this.#frequency = frequencyPenalty;
    this.#presence = presencePenalty;
    this.#minTokens = request.minTokens ?? 0;
    this.#stops = Int32Array.from(stops);
    if (!counts) return;
    const before = repetitionPenalty === 1 ? 0 : tokens.length;
    this.#counts = new TokenCounts(before + limit);
    for (let place = 0; place < before; place++) this.#counts.add(tokens[place] ?? 0, 0);
  }

  /**
   * Writes the logits as the rules change them.
   * @param logits  f32 [vocabulary], which stay as they are
   * @param out  f32 [vocabulary], all of it written
   * @returns `out`
   */
  apply(logits: Float32Array, out: Float32Array): Float32Array {
    out.set(logits);
    for (let place = 0; place < this.#biased.length; place++) {
      const token = this.#biased[place] ?? 0;
      out[token] = (out[token] ?? 0) + (this.#biases[place] ?? 0);
    }
    if (this.#counts !== undefined) this.#penalize(this.#counts, out);
    if (this.#drawn < this.#minTokens) this.#forbidStops(out);
    return out;
  }

  #penalize(counts: TokenCounts, out: Float32Array): void {
    for (let place = 0; place < counts.size; place++) {
      const token = counts.tokenAt(place);
      const count = counts.countAt(place);
      let logit = out[token] ?? 0;
      if (this.#repetition !== 1) logit = logit > 0 ? logit / this.#repetition : logit * this.#repetition;
      if (count > 0) logit -= this.#frequency * count + this.#presence;
      out[token] = logit;
    }
  }

  #forbidStops(out: Float32Array): void {
    for (let place = 0; place < this.#stops.length; place++) out[this.#stops[place] ?? 0] = -Infinity;
  }

  /** Notes that a token was drawn. */
  note(token: number): void {
    this.#drawn++;
    this.#counts?.add(token, 1);
  }
}
