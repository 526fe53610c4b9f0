import { systemClock, type Clock } from '../../core/index.ts';
import { assertFinite } from './first-steps-check.ts';
import { addInto, clipCoefficient, copyInto, globalNorm } from '../graph/gradients.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import type { StepMetrics } from '../report/metrics.ts';
import { optimizerStep, type Optimizer, type ParameterGroup } from '../optimizer/optimizer.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import type { LossSession } from '../graph/loss-session.ts';

export interface TrainerOptions {
  readonly session: LossSession;
  readonly parameters: ParameterArena;
  readonly gradients: ParameterArena;
  readonly optimizer: Optimizer;
  readonly groups: readonly ParameterGroup[];
  /** 0: off. */
  readonly maxGradNorm: number;
  readonly clock?: Clock;
}

/** What the micro-batches of a step came to. */
interface Accumulated {
  readonly lossSum: number;
  readonly correct: number | undefined;
  readonly gradients: ParameterArena;
}

/**
 * Takes optimizer steps. It owns nothing: parameters and gradients are its caller's, and after each step they are whole.
 *
 *   loss = Σ over the micro-batches (Σ over targets −log p) / Σ over the micro-batches targets
 *
 * WHY sums until the end: a mean of means would weigh the tokens of short micro-batches more.
 */
export class Trainer {
  readonly #options: TrainerOptions;
  readonly #clock: Clock;
  #sum: ParameterArena | undefined;
  #steps = 0;

  constructor(options: TrainerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * One optimizer step over the micro-batches.
   * @throws EspalierError TRAIN_NOT_FINITE before any parameter is changed
   */
  async step(microBatches: readonly MicroBatch[], learningRate: number): Promise<StepMetrics> {
    const { optimizer, groups, maxGradNorm, parameters } = this.#options;
    const begin = this.#clock.now();
    const step = this.#steps + 1;
    const { lossSum, correct, gradients } = await this.#accumulate(microBatches);
    const targetTokens = total(microBatches, ({ targets }) => targets);
    const loss = lossSum / targetTokens;
    const gradNorm = (await globalNorm(gradients.flat)) / targetTokens;
    await assertFinite(step, loss, gradNorm, gradients);
    await optimizerStep(
      optimizer,
      { parameters: parameters.flat, gradients: gradients.flat, groups },
      { learningRate, gradientScale: clipCoefficient(gradNorm, maxGradNorm) / targetTokens },
    );
    this.#steps = step;
    const seconds = (this.#clock.now() - begin) / 1000;
    const tokensPerSecond = toTenths(total(microBatches, ({ tokens }) => tokens) / seconds);
    const accuracy = correct === undefined ? {} : { accuracy: correct / targetTokens };
    return { step, loss, ...accuracy, gradNorm, learningRate, targetTokens, tokensPerSecond };
  }

  /** Runs the micro-batches one after the other. A single one's gradients are taken where the session wrote them. */
  async #accumulate(microBatches: readonly MicroBatch[]): Promise<Accumulated> {
    const { session, gradients } = this.#options;
    let [lossSum, correct]: [number, number | undefined] = [0, undefined];
    if (microBatches.length > 1) this.#sum ??= new ParameterArena(gradients.entries);
    const sum = microBatches.length > 1 ? this.#sum : undefined;
    for (const [index, micro] of microBatches.entries()) {
      const pass = await session.run(micro);
      lossSum += pass.lossSum;
      if (pass.correct !== undefined) correct = (correct ?? 0) + pass.correct;
      if (sum === undefined) continue;
      await (index === 0 ? copyInto : addInto)(sum.flat, gradients.flat);
    }
    return { lossSum, correct, gradients: sum ?? gradients };
  }

  dispose(): void {
    this.#sum?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function total(microBatches: readonly MicroBatch[], count: (micro: MicroBatch) => number): number {
  return microBatches.reduce((sum, micro) => sum + count(micro), 0);
}

/** WHY tenths: a large model on few cores trains at tens of tokens a second. */
function toTenths(value: number): number {
  return Math.round(value * 10) / 10;
}
