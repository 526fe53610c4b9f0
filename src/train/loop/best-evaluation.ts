import type { Evaluation } from './evaluator.ts';

/** The best evaluation of a training so far, as plain data. */
export interface BestState {
  /** The step after which it was measured. */
  readonly step: number;
  readonly loss: number;
  /** The number of evaluations in a row that were not better by more than the least improvement. */
  readonly since: number;
}

/** Remembers the lowest held-out loss. NaN and infinity are never the best. */
export class BestEvaluation {
  readonly #minDelta: number;
  #state: BestState | undefined;

  /** @param minDelta  how much lower a loss must be to begin the count of `since` anew. A loss that is lower at all is the best */
  constructor(state?: BestState, { minDelta = 0 }: { readonly minDelta?: number | undefined } = {}) {
    this.#state = state;
    this.#minDelta = minDelta;
  }

  get state(): BestState | undefined {
    return this.#state;
  }

  /** @param evaluation  the one after a step, if there was one */
  after(step: number, evaluation: Evaluation | undefined): void {
    if (evaluation === undefined) return;
    const { loss } = evaluation;
    const { loss: best = Infinity, since = 0 } = this.#state ?? {};
    const next = loss < best - this.#minDelta ? 0 : since + 1;
    if (loss < best) this.#state = { step, loss, since: next };
    else if (this.#state !== undefined) this.#state = { ...this.#state, since: next };
  }
}
