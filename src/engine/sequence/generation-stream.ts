import type { NamedAdapter } from '../adapters/sequence-adapters.ts';
import type { Sequence, SequenceTimes } from './sequence.ts';
import type { GeneratedToken, ReportedToken } from './generation-request.ts';

/** The tokens of one answer, as they are generated. Leaving the loop early, or `return()`, cancels the request. */
export class GenerationStream implements AsyncIterableIterator<GeneratedToken> {
  readonly adapters: readonly NamedAdapter[];
  readonly #sequence: Sequence;

  constructor(sequence: Sequence) {
    this.#sequence = sequence;
    this.adapters = sequence.ownAdapters.named;
  }

  /**
   * The prompt's tokens with their log-probabilities, if the request asked for them (`logprobs.prompt`). Complete after the first token
   * of the answer, or at its end.
   */
  get promptTokens(): readonly ReportedToken[] {
    return this.#sequence.promptTokens;
  }

  /** The times of the events so far, by the engine's clock. */
  get times(): Readonly<SequenceTimes> {
    return this.#sequence.times;
  }

  /** Prompt tokens that were not run, because their keys and values were kept from an earlier request. Known with the first token. */
  get cachedTokens(): number {
    return this.#sequence.cachedTokens ?? 0;
  }

  /** Tokens of the answer so far. */
  get generated(): number {
    return this.#sequence.generated;
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
