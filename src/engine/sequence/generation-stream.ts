import type { NamedAdapter } from '../adapters/sequence-adapters.ts';
import type { ActiveRequest } from './active-request.ts';
import type { GeneratedToken, ReportedToken } from './generation-request.ts';

/** The tokens of one answer as they come. Leaving the loop early, or `return()`, cancels the request. */
export class GenerationStream implements AsyncIterableIterator<GeneratedToken> {
  readonly adapters: readonly NamedAdapter[];
  readonly #request: ActiveRequest;

  constructor(request: ActiveRequest) {
    this.#request = request;
    this.adapters = request.ownAdapters.named;
  }

  /**
   * The prompt's tokens with their log-probabilities, where these were asked for (`logprobs.prompt`). All are there as soon as the
   * first token of the answer has come, or its end.
   */
  get promptTokens(): readonly ReportedToken[] {
    return this.#request.promptTokens;
  }

  next(): Promise<IteratorResult<GeneratedToken>> {
    return this.#request.tokens.next();
  }

  return(): Promise<IteratorResult<GeneratedToken>> {
    return this.#request.tokens.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
