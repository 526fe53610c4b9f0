import { divergenceOf, type Divergence } from './divergence.ts';

/** How two versions differ on one request: means over its positions. Positions of one request depend on each other, requests do not. */
export interface Comparison {
  readonly positions: number;
  /** KL(stable || candidate) in nats a position. */
  readonly divergence: number;
  /** Share of the positions at which both find the same token likeliest. */
  readonly agreement: number;
  readonly stableEntropy: number;
  readonly candidateEntropy: number;
}

/** Compares two versions on the same prefixes, position by position. */
export class RequestComparison {
  #positions = 0;
  #agreed = 0;
  #divergence = 0;
  #stableEntropy = 0;
  #candidateEntropy = 0;

  /**
   * @param stable     f32 [vocab], logits or log-probabilities after a prefix
   * @param candidate  f32 [vocab], after the same prefix
   * @returns whether both rows are finite; a row that is not is left out
   */
  add(stable: Float32Array, candidate: Float32Array): boolean {
    const divergence = divergenceOf(stable, candidate);
    if (divergence !== undefined) this.addDivergence(divergence);
    return divergence !== undefined;
  }

  /** Adds a position that was compared elsewhere. */
  addDivergence({ divergence, isAgreed, stableEntropy, candidateEntropy }: Divergence): void {
    this.#positions++;
    this.#divergence += divergence;
    this.#agreed += isAgreed ? 1 : 0;
    this.#stableEntropy += stableEntropy;
    this.#candidateEntropy += candidateEntropy;
  }

  /** @returns undefined without positions */
  result(): Comparison | undefined {
    const positions = this.#positions;
    if (positions === 0) return undefined;
    return {
      positions,
      divergence: this.#divergence / positions,
      agreement: this.#agreed / positions,
      stableEntropy: this.#stableEntropy / positions,
      candidateEntropy: this.#candidateEntropy / positions,
    };
  }
}
