import { EspalierError, systemClock, type Clock } from '../../core/index.ts';
import { addInto, clearAll, clipCoefficient, copyInto, globalNorm } from '../graph/gradients.ts';
import type { HeldTraining } from '../device/held-training.ts';
import { bucketsOf, rangesOf, type GradientRange } from '../graph/gradient-buckets.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import type { PassRunner } from '../graph/passes.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { wholeShare, type RankShare } from '../ranks/rank-share.ts';
import type { StepMetrics } from '../report/metrics.ts';
import { optimizerStep, type Optimizer, type ParameterGroup } from '../optimizer/optimizer.ts';
import { GradientSums, type GradientSumsOptions } from './gradient-sums.ts';
import { listed } from './listed.ts';
import { notFinite } from './not-finite.ts';

/** The sums over the micro-batches of a step, besides the gradients. */
export interface StepCounts {
  readonly lossSum: number;
  /** Number of rows whose largest logit is at their label; only for classification. */
  readonly correct: number | undefined;
  /** The number of items over which the loss is a mean: target tokens, or labelled rows. */
  readonly targets: number;
  /** Number of tokens without padding. */
  readonly tokens: number;
}

/** Adds the results of several processes for one step, after their accumulation and before the gradient norm. */
export interface ReduceStep {
  /**
   * Replaces gradients, summed over this process's micro-batches, by their sums over all processes, in place. A step calls it for each
   * bucket of the parameters, in the same order on every process, and may do so while its last pass goes on.
   */
  readonly gradients: (values: Float32Array) => Promise<void>;
  /** After the gradients. @returns the counts of all processes together */
  readonly counts: (own: StepCounts) => Promise<StepCounts>;
  /** Of the gradients of a bucket, at least. Default: as `bucketsOf` chooses. */
  readonly bucketBytes?: number | undefined;
}

/** What a process has done in the local steps of a step, and what all together have. */
export interface LocalCounts extends StepCounts {
  /** Sum over the local steps of the norms of their gradients. */
  readonly normSum: number;
  /** Local steps that have changed the parameters. */
  readonly taken: number;
  /** Local steps whose loss or gradient was not finite, and which changed nothing. */
  readonly skipped: number;
}

/** Steps that a process takes by itself, before all take the mean of what they have learned. */
export interface LocalSteps {
  /** Of the batches of a step, those of one local step. */
  readonly batches: number;
  /** Replaces parameters and state by their mean over all processes, weighted by targets. @returns the counts of all together */
  readonly merge: (own: LocalCounts) => Promise<LocalCounts>;
}

/** The micro-batches of one step, and of how many batches they are the parts of this process. */
export interface StepRows {
  readonly microBatches: readonly MicroBatch[];
  /** Default: one for each micro-batch. */
  readonly batches?: number;
}

/** The outcome of one step. */
interface Outcome extends StepCounts {
  readonly gradNorm: number;
  /** What was not finite. */
  readonly names: readonly string[] | undefined;
}

export interface TrainerOptions {
  readonly session: Pick<PassRunner, 'run'>;
  readonly parameters: ParameterArena;
  readonly gradients: ParameterArena;
  readonly optimizer: Optimizer;
  readonly groups: readonly ParameterGroup[];
  /** 0: off. */
  readonly maxGradNorm: number;
  /** Steps that may be skipped in the whole training, because their numbers are not finite. Default: 0. */
  readonly maxSkippedSteps?: number;
  /** Number of earlier steps, and of those that were skipped. */
  readonly step?: number;
  readonly skipped?: number;
  readonly reduce?: ReduceStep | undefined;
  /** Instead of `reduce`. */
  readonly local?: LocalSteps | undefined;
  /** Which of several ranks this is: no two may use the same dropout masks. Default: alone. */
  readonly share?: RankShare | undefined;
  readonly clock?: Clock;
  /** Where passes, sums and updates are computed, if parameters, gradients and state are kept there. Without `reduce` and `local`. */
  readonly held?: HeldTraining | undefined;
}

/**
 * Takes optimizer steps. It owns nothing: parameters and gradients belong to the caller, and are consistent after each step.
 *
 *   loss = Σ over the micro-batches (Σ over targets −log p) / Σ over the micro-batches targets
 *
 * WHY sums until the end: a mean of means would give the tokens of short micro-batches more weight.
 */
export class Trainer {
  readonly #options: TrainerOptions;
  readonly #clock: Clock;
  #skipped: number;
  #sum: ParameterArena | undefined;
  #steps: number;

  constructor(options: TrainerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#steps = options.step ?? 0;
    this.#skipped = options.skipped ?? 0;
  }

  /** Number of steps taken, including those before this trainer. */
  get steps(): number {
    return this.#steps;
  }

  /** Number of steps that changed nothing, because their loss or a gradient was not finite. */
  get skipped(): number {
    return this.#skipped;
  }

  /**
   * One step over the micro-batches: one of the optimizer, or several local ones. What is not finite changes nothing but the count of steps.
   * @throws EspalierError TRAIN_NOT_FINITE if nothing was learned before; TRAINING_DIVERGED if too many steps were skipped. No
   *   parameter is changed then
   */
  async step(rows: StepRows, learningRate: number): Promise<StepMetrics> {
    const begin = this.#clock.now();
    const step = this.#steps + 1;
    const hasLearned = this.#options.optimizer.steps > 0;
    const outcome =
      this.#options.local === undefined ? this.#whole(rows, learningRate) : this.#apart(rows, learningRate);
    const { lossSum, correct, targets, tokens, gradNorm, names } = await outcome;
    if (names !== undefined) this.#skip({ step, learningRate, names, hasLearned });
    this.#steps = step;
    const seconds = (this.#clock.now() - begin) / 1000;
    const accuracy = correct === undefined ? {} : { accuracy: correct / targets };
    const tokensPerSecond = toTenths(tokens / seconds);
    const skipped = names === undefined ? {} : { skipped: listed(names) };
    const loss = lossSum / targets;
    return { step, loss, ...accuracy, gradNorm, learningRate, targetTokens: targets, tokensPerSecond, ...skipped };
  }

  /** One step of the optimizer with the gradients of all processes. */
  async #whole({ microBatches }: StepRows, learningRate: number): Promise<Outcome> {
    const { reduce } = this.#options;
    const { gradients, ...own } = await this.#accumulate(microBatches, { first: 0, reduce });
    const counts = reduce === undefined ? own : await reduce.counts(own);
    return { ...counts, ...(await this.#update(gradients, counts, learningRate)) };
  }

  /** Steps of this process alone, and then the mean of all processes. */
  async #apart({ microBatches, batches = microBatches.length }: StepRows, learningRate: number): Promise<Outcome> {
    const { optimizer, local } = this.#options;
    if (local === undefined) throw new TypeError('no local steps');
    const before = optimizer.steps;
    const planned = Math.ceil(batches / local.batches);
    let own: LocalCounts = nothing;
    let names: readonly string[] | undefined;
    let first = 0;
    for (let each = 0; each < planned; each++) {
      const part = microBatches.filter(({ batch = 0 }) => Math.floor(batch / local.batches) === each);
      if (part.length === 0) continue;
      const { gradients, ...counts } = await this.#accumulate(part, { first });
      first += part.length;
      const updated = await this.#update(gradients, counts, learningRate);
      names ??= updated.names;
      own = updated.names === undefined ? added(own, counts, updated.gradNorm) : { ...own, skipped: own.skipped + 1 };
    }
    const all = await local.merge(own);
    // WHY not the steps that were begun: a process without a row in a small last batch has begun fewer.
    optimizer.resume(before + planned);
    const skipped = all.skipped > 0 ? (names ?? ['numbers of another process']) : undefined;
    return { ...all, gradNorm: all.normSum / all.taken, names: skipped };
  }

  /** One step of the optimizer, if all is finite. */
  async #update(
    gradients: ParameterArena,
    { lossSum, targets }: StepCounts,
    learningRate: number,
  ): Promise<Pick<Outcome, 'gradNorm' | 'names'>> {
    const { optimizer, groups, maxGradNorm, parameters, held } = this.#options;
    const gradNorm = (await (held?.norm(gradients) ?? globalNorm(gradients.flat))) / targets;
    const names = await notFinite(lossSum / targets, gradNorm, gradients);
    if (names === undefined && held !== undefined) {
      await held.update({ learningRate, gradientScale: clipCoefficient(gradNorm, maxGradNorm) / targets });
    } else if (names === undefined) {
      await optimizerStep(
        optimizer,
        { parameters: parameters.flat, gradients: gradients.flat, groups },
        { learningRate, gradientScale: clipCoefficient(gradNorm, maxGradNorm) / targets },
      );
    }
    return { gradNorm, names };
  }

  /**
   * Runs the micro-batches one after the other. The gradients of a single one are used where the session wrote them.
   * @param first  micro-batches of this step that were run before
   * @param reduce  makes them the gradients of all processes
   */
  async #accumulate(
    microBatches: readonly MicroBatch[],
    { first, reduce }: { readonly first: number; readonly reduce?: ReduceStep | undefined },
  ): Promise<StepCounts & { readonly gradients: ParameterArena }> {
    const { session, gradients, held, share = wholeShare } = this.#options;
    const { rank, worldSize } = share;
    let [lossSum, correct]: [number, number | undefined] = [0, undefined];
    // WHY: of a small last batch, a rank may get no row. It adds nothing, and must not add what is left of the step before.
    if (microBatches.length === 0) {
      await clearAll(gradients.flat);
      if (reduce !== undefined) await this.#sumsOf(gradients, reduce, () => Promise.resolve()).end();
    }
    const isSummed = microBatches.length > 1 && held === undefined;
    if (isSummed) this.#sum ??= new ParameterArena(gradients.entries);
    const sum = isSummed ? this.#sum : undefined;
    let written = gradients;
    for (const [index, micro] of microBatches.entries()) {
      const microBatch = (first + index) * worldSize + rank;
      const place = { step: this.#steps, microBatch, sameParameters: index > 0 };
      const collect = async (range: GradientRange): Promise<void> => {
        const [target, part] = [sum?.flat, written.flat].map((flat) => flat?.subarray(range.start, range.end));
        if (target !== undefined && part !== undefined) await (index === 0 ? copyInto : addInto)(target, part);
      };
      const isLast = index === microBatches.length - 1;
      const sums = isLast && reduce !== undefined ? this.#sumsOf(sum ?? gradients, reduce, collect) : undefined;
      const pass = await (held?.run(micro, place, index === 0) ??
        session.run(micro, place, sums && ((count) => sums.begin(count))));
      written = pass.gradients ?? gradients;
      lossSum += pass.lossSum;
      if (pass.correct !== undefined) correct = (correct ?? 0) + pass.correct;
      await (sums === undefined ? collect({ start: 0, end: gradients.flat.length }) : sums.end());
    }
    const targets = total(microBatches, (micro) => micro.targets);
    const tokens = total(microBatches, (micro) => micro.tokens);
    return { lossSum, correct, targets, tokens, gradients: sum ?? written };
  }

  #sumsOf(target: ParameterArena, reduce: ReduceStep, collect: GradientSumsOptions['collect']): GradientSums {
    const { entries, flat } = target;
    const ranges = rangesOf(entries, { length: flat.length, buckets: bucketsOf(entries, reduce.bucketBytes) });
    return new GradientSums({ ranges, collect, sum: ({ start, end }) => reduce.gradients(flat.subarray(start, end)) });
  }

  /** WHY two codes: before the first update the learning rate cannot be the cause. */
  #skip({ step, learningRate, names, hasLearned }: Skipped): void {
    const { maxSkippedSteps = 0 } = this.#options;
    if (!hasLearned) throw new EspalierError('TRAIN_NOT_FINITE', { step, names });
    if (this.#skipped >= maxSkippedSteps) {
      const before = this.#skipped === 0 ? '' : `, after ${this.#skipped} steps of which the same was true`;
      const seen = `these are not finite: ${listed(names)}${before}`;
      throw new EspalierError('TRAINING_DIVERGED', { step, learningRate, seen, kept: 'Nothing was saved.' });
    }
    this.#skipped += 1;
  }

  dispose(): void {
    this.#sum?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface Skipped {
  readonly step: number;
  readonly learningRate: number;
  readonly names: readonly string[];
  /** Whether a step before has changed the parameters. */
  readonly hasLearned: boolean;
}

const nothing: LocalCounts = {
  lossSum: 0,
  correct: undefined,
  targets: 0,
  tokens: 0,
  normSum: 0,
  taken: 0,
  skipped: 0,
};

function added(all: LocalCounts, counts: StepCounts, gradNorm: number): LocalCounts {
  const correct = counts.correct === undefined ? all.correct : (all.correct ?? 0) + counts.correct;
  return {
    ...all,
    lossSum: all.lossSum + counts.lossSum,
    correct,
    targets: all.targets + counts.targets,
    tokens: all.tokens + counts.tokens,
    normSum: all.normSum + gradNorm,
    taken: all.taken + 1,
  };
}

function total(microBatches: readonly MicroBatch[], count: (micro: MicroBatch) => number): number {
  return microBatches.reduce((sum, micro) => sum + count(micro), 0);
}

/** WHY tenths: a large model on few cores trains only tens of tokens per second. */
function toTenths(value: number): number {
  return Math.round(value * 10) / 10;
}
