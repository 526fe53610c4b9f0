import type { Piece } from './pieces.ts';
import type { StartedAnswer } from './start-answer.ts';
import type { Usage } from './usage.ts';

/** Counts the tokens that a model writes. */
export class TokenCount {
  #generated = 0;
  #reasoning = 0;

  add({ generated, reasoningTokens = 0 }: Pick<Piece, 'generated' | 'reasoningTokens'>): void {
    this.#generated += generated;
    this.#reasoning += reasoningTokens;
  }

  usage({ promptTokens, choices }: StartedAnswer): Usage {
    const cachedTokens = choices.reduce((sum, choice) => sum + choice.cachedTokens, 0);
    return { promptTokens, cachedTokens, completionTokens: this.#generated, reasoningTokens: this.#reasoning };
  }
}
