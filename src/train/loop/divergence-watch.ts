import type { StepMetrics } from '../report/metrics.ts';
import { inSlices } from './slices.ts';

/**
 * A weight of this size makes the results meaningless: when a number of size 2²⁴ and a number of size 1 are added in f32, the smaller
 * one loses all its digits. Weights of trained models are below 10³.
 */
const meaninglessWeight = 2 ** 24;
/** The growth that is allowed, so that a base with large initial weights may keep them. */
const meaninglessGrowth = 1000;
/** Number of consecutive steps with a gradient of 0. A single such step can come from rows that do not affect the trained modules. */
const barrenSteps = 3;
/** If the loss is below this, gradients of 0 mean that everything is learned: f32 rounds the probability to 1. */
const learnedLoss = 1e-3;
/** The number of first steps. Later losses are compared with the largest of these. */
const referenceSteps = 5;
/** A loss above this many times the reference counts as high. Twenty consecutive high steps, or three at the end, are a divergence. */
const lossGrowth = 3;
const highSteps = 20;
const highStepsAtEnd = 3;

export interface DivergenceWatchOptions {
  /** The number of tokens or classes to choose from; undefined if numbers are learned. */
  readonly choices: number | undefined;
}

/** The values by which a step is judged. */
export interface WatchedStep extends Pick<StepMetrics, 'step' | 'loss' | 'gradNorm' | 'learningRate'> {
  /** The largest magnitude of a trained weight after the step; NaN if one is not finite. */
  readonly largestWeight: number;
  /** Whether no step follows. */
  readonly last: boolean;
}

/** What the watch remembers of earlier steps, as plain data. */
export interface DivergenceState {
  readonly weightLimit: number;
  readonly seenSteps: number;
  readonly firstLoss: number;
  readonly reference: number;
  readonly barren: number;
  readonly high: number;
}

/**
 * Detects a training that has diverged although its numbers are finite. The limits are far from the values of healthy trainings
 * (docs/training.md describes them):
 *
 * - a weight beyond 2²⁴, or not finite;
 * - a gradient that is exactly 0 in three steps one after the other, while the loss is above 0.001;
 * - a loss in twenty steps one after the other (three at the end) above three times the largest of the first five steps, and above
 *   twice the loss of guessing blindly, ln(choices).
 */
export class DivergenceWatch {
  readonly #guessing: number;
  #weightLimit: number;
  #seenSteps = 0;
  #firstLoss = 0;
  #reference = 0;
  #barren = 0;
  #high = 0;

  /** @param largestWeight  the largest magnitude of a trained weight before the first step */
  constructor(largestWeight: number, { choices }: DivergenceWatchOptions) {
    this.#guessing = choices === undefined ? 0 : Math.log(choices);
    this.#weightLimit = Math.max(meaninglessWeight, meaninglessGrowth * largestWeight);
  }

  get state(): DivergenceState {
    return {
      weightLimit: this.#weightLimit,
      seenSteps: this.#seenSteps,
      firstLoss: this.#firstLoss,
      reference: this.#reference,
      barren: this.#barren,
      high: this.#high,
    };
  }

  /** Goes on from the state of another watch. */
  resume(state: DivergenceState): void {
    this.#weightLimit = state.weightLimit;
    this.#seenSteps = state.seenSteps;
    this.#firstLoss = state.firstLoss;
    this.#reference = state.reference;
    this.#barren = state.barren;
    this.#high = state.high;
  }

  /** Whether the last steps showed nothing suspicious. */
  get isCalm(): boolean {
    return this.#barren === 0 && this.#high === 0;
  }

  /** @returns the symptom of a divergence; undefined if there is none */
  after({ loss, gradNorm, learningRate, largestWeight, last }: WatchedStep): string | undefined {
    if (!(largestWeight <= this.#weightLimit)) {
      return Number.isFinite(largestWeight)
        ? `a weight has reached ${largestWeight.toPrecision(3)}, beside which the base's own numbers are rounded away`
        : 'weights are no longer finite';
    }
    this.#barren = learningRate > 0 && gradNorm === 0 && loss > learnedLoss ? this.#barren + 1 : 0;
    if (this.#barren === barrenSteps) {
      return `every gradient has been exactly 0 for ${barrenSteps} steps at a loss of ${loss.toPrecision(3)}`;
    }
    return this.#judgeLoss(loss, last);
  }

  #judgeLoss(loss: number, last: boolean): string | undefined {
    this.#seenSteps += 1;
    if (this.#seenSteps === 1) this.#firstLoss = loss;
    if (this.#seenSteps <= referenceSteps) {
      // WHY a bound: a training that diverges in these first steps must not raise its own limit.
      this.#reference = Math.max(this.#reference, Math.min(loss, lossGrowth * this.#firstLoss));
      return undefined;
    }
    const limit = Math.max(lossGrowth * this.#reference, 2 * this.#guessing, learnedLoss);
    this.#high = loss > limit ? this.#high + 1 : 0;
    if (this.#high < (last ? highStepsAtEnd : highSteps)) return undefined;
    return `the loss has been above ${limit.toPrecision(3)} for ${this.#high} steps, and is ${loss.toPrecision(3)}`;
  }
}

/** The largest magnitude of all weights; NaN if one is not finite. */
export async function largestMagnitude(weights: Float32Array): Promise<number> {
  let [largest, isFinite] = [0, true];
  await inSlices(weights.length, (start, end) => {
    for (let i = start; i < end; i++) {
      const size = Math.abs(weights[i] ?? 0);
      if (size > largest) largest = size;
      // WHY this way round: every comparison with NaN is false.
      isFinite &&= size < Infinity;
    }
  });
  return isFinite ? largest : NaN;
}
