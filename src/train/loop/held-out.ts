import type { TrainEvent } from '../report/train-result.ts';
import type { Evaluation, Evaluator } from './evaluator.ts';

export interface HeldOutOptions {
  /** undefined if no rows are held out. */
  readonly evaluator: Evaluator | undefined;
  /** Evaluate every so many steps. */
  readonly evalSteps: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: TrainEvent) => void;
}

/** Evaluates the held-out rows before the first step, every `evalSteps` steps, and after the last step. */
export class HeldOut {
  readonly #options: HeldOutOptions;

  constructor(options: HeldOutOptions) {
    this.#options = options;
  }

  /** Evaluates after a step if an evaluation is due. @returns undefined otherwise */
  async after(step: number): Promise<Evaluation | undefined> {
    const { evalSteps } = this.#options;
    return evalSteps === undefined || step % evalSteps !== 0 ? undefined : this.measure(step);
  }

  /** @returns undefined without held-out rows, and when aborted after the first step */
  async measure(step: number): Promise<Evaluation | undefined> {
    const { evaluator, signal, onEvent } = this.#options;
    try {
      const evaluation = await evaluator?.evaluate({ signal });
      if (evaluation !== undefined) onEvent({ kind: 'evaluated', step, ...evaluation });
      return evaluation;
    } catch (error) {
      // WHY not an error: the result of the training so far must be saved.
      if (step > 0 && signal?.aborted === true) return undefined;
      throw error;
    }
  }
}
