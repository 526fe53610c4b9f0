import { EspalierError } from '../../core/index.ts';
import type { StepMetrics } from '../report/metrics.ts';
import { DivergenceWatch, largestMagnitude, type DivergenceState } from './divergence-watch.ts';
import { FirstStepsCheck, type FirstStepsState } from './first-steps-check.ts';
import type { LastGoodWeights } from './last-good-weights.ts';
import type { TrainingInputs } from './training-inputs.ts';
import type { TrainingModel } from './training-model.ts';

/** What the checks remember of earlier steps, as plain data. */
export interface WatchState {
  readonly divergence: DivergenceState;
  readonly firstSteps: FirstStepsState;
}

/** Checks the weights after each step: whether they have changed, and whether they have diverged. */
export class StepWatch {
  readonly #model: TrainingModel;
  readonly #steps: number;
  readonly #firstSteps: FirstStepsCheck;
  readonly #divergence: DivergenceWatch;
  readonly #lastGood: LastGoodWeights;

  private constructor(
    model: TrainingModel,
    steps: number,
    parts: { firstSteps: FirstStepsCheck; divergence: DivergenceWatch; lastGood: LastGoodWeights },
  ) {
    this.#model = model;
    this.#steps = steps;
    this.#firstSteps = parts.firstSteps;
    this.#divergence = parts.divergence;
    this.#lastGood = parts.lastGood;
  }

  static async begin(
    { trainable, steps, objective, base }: TrainingInputs,
    model: TrainingModel,
    lastGood: LastGoodWeights,
  ): Promise<StepWatch> {
    const { parameters } = model;
    const watched = parameters.entries.filter((entry) => trainable.mustMove(entry));
    const firstSteps = await FirstStepsCheck.begin(parameters, watched, () => model.read());
    const choices = objective.kind === 'next-token' ? base.config.vocabSize : base.labels?.length;
    const kind = objective.kind === 'numbers' || objective.kind === 'flags' ? undefined : choices;
    const divergence = new DivergenceWatch(await largestMagnitude(parameters.flat), { choices: kind });
    return new StepWatch(model, steps, { firstSteps, divergence, lastGood });
  }

  get state(): WatchState {
    return { divergence: this.#divergence.state, firstSteps: this.#firstSteps.state };
  }

  /** Goes on from the state of an earlier run. @param step  the last step of that run */
  async resume({ divergence, firstSteps }: WatchState, step: number): Promise<void> {
    this.#divergence.resume(divergence);
    this.#firstSteps.resume(firstSteps);
    if (this.#divergence.isCalm) await this.#lastGood.keep(step);
  }

  /** @throws EspalierError TRAIN_STUCK, TRAINING_DIVERGED */
  async after(stepped: StepMetrics): Promise<void> {
    const { step, skipped } = stepped;
    const last = step === this.#steps;
    // WHY no other check: a step that was skipped has changed nothing, and its loss says nothing.
    if (skipped !== undefined) return this.#firstSteps.after(step, { learningRate: 0, last });
    const { learningRate } = stepped;
    // WHY first: this check names the module that no step changes; the next one would only report gradients of 0.
    await this.#firstSteps.after(step, { learningRate, last });
    const largestWeight = await this.#model.largest();
    const seen = this.#divergence.after({ ...stepped, largestWeight, last });
    if (seen !== undefined) {
      throw new EspalierError('TRAINING_DIVERGED', { step, learningRate, seen, kept: 'Nothing was saved.' });
    }
    if (this.#divergence.isCalm) await this.#lastGood.note(step);
  }

  /** Runs the steps. If they diverge, it saves the last good weights. */
  async guard(steps: () => Promise<void>): Promise<void> {
    try {
      await steps();
    } catch (error) {
      if (!EspalierError.isInstance(error) || error.code !== 'TRAINING_DIVERGED') throw error;
      const { step = 0, learningRate = 0, seen = '' } = error.details;
      throw new EspalierError('TRAINING_DIVERGED', { step, learningRate, seen, kept: await this.#lastGood.save() });
    }
  }
}
