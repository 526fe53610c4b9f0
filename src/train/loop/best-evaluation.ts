import type { Evaluation } from './evaluator.ts';

/** The best evaluation of a training so far, as plain data. */
export interface BestState {
  /** The step after which it was measured. */
  readonly step: number;
  readonly loss: number;
  /** The number of evaluations since then. */
  readonly since: number;
}

/** Remembers the lowest held-out loss. NaN and infinity are never the best. */
export class BestEvaluation {
  #state: BestState | undefined;

  constructor(state?: BestState) {
    this.#state = state;
  }

  get state(): BestState | undefined {
    return this.#state;
  }

  /** @param evaluation  the one after a step, if there was one */
  after(step: number, evaluation: Evaluation | undefined): void {
    if (evaluation === undefined) return;
    const { loss } = evaluation;
    if (Number.isFinite(loss) && (this.#state === undefined || loss < this.#state.loss)) {
      this.#state = { step, loss, since: 0 };
    } else if (this.#state !== undefined) {
      this.#state = { ...this.#state, since: this.#state.since + 1 };
    }
  }
}
