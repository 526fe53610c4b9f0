import type { NamedAdapter } from '../adapters/sequence-adapters.ts';
import type { Sequence, SequenceTimes } from './sequence.ts';
import type { GeneratedToken, ReportedToken } from './generation-request.ts';

/** The tokens of one answer as they come. Leaving the loop early, or `return()`, cancels the request. */
export class GenerationStream implements AsyncIterableIterator<GeneratedToken> {
  readonly adapters: readonly NamedAdapter[];
  readonly #sequence: Sequence;

  constructor(sequence: Sequence) {
    this.#sequence = sequence;
    this.adapters = sequence.ownAdapters.named;
  }

  /**
   * The prompt's tokens with their log-probabilities, where these were asked for (`logprobs.prompt`). All are there as soon as the
   * first token of the answer has come, or its end.
   */
  get promptTokens(): readonly ReportedToken[] {
    return this.#sequence.promptTokens;
  }

  /** When things happened, by the engine's clock, as far as they have. */
  get times(): Readonly<SequenceTimes> {
    return this.#sequence.times;
  }

  next(): Promise<IteratorResult<GeneratedToken>> {
    return this.#sequence.tokens.next();
  }

  return(): Promise<IteratorResult<GeneratedToken>> {
    return this.#sequence.tokens.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
