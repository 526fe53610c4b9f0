import type { ProcessGroup } from '../../collectives/index.ts';
import type { LocalCounts, ReduceStep, StepCounts } from '../loop/trainer.ts';
import type { MergedArrays } from './merged-arrays.ts';
import type { RankShare } from './rank-share.ts';

/**
 * The ranks of a training. Each holds all weights and takes its part of every batch; what they sum makes them take the same steps.
 * What they decide depends on these sums alone, so that all decide the same.
 */
export class TrainingGroup {
  readonly #group: ProcessGroup;
  readonly #ending = new AbortController();
  readonly #own: AbortSignal | undefined;
  #batchRanks: number;

  /** @param signal  asks this rank to end; all end after the same step */
  constructor(group: ProcessGroup, signal: AbortSignal | undefined) {
    this.#group = group;
    this.#own = signal;
    this.#batchRanks = group.worldSize;
  }

  get isAlone(): boolean {
    return this.#group.worldSize === 1;
  }

  /** Whether this rank writes: what it writes stands for all. */
  get leads(): boolean {
    return this.#group.rank === 0;
  }

  get share(): RankShare {
    const { rank, worldSize } = this.#group;
    return { rank, worldSize, batchRanks: this.#batchRanks };
  }

  /** Aborts when the group is broken. */
  get failed(): AbortSignal {
    return this.#group.failed;
  }

  /** Asks to end. Of several ranks it aborts on all at the same place between two steps. */
  get ending(): AbortSignal | undefined {
    return this.isAlone ? this.#own : this.#ending.signal;
  }

  /** Aborts when this rank is asked to end, or when the group is broken. For what a rank does by itself. */
  get stopping(): AbortSignal | undefined {
    if (this.isAlone) return this.#own;
    return AbortSignal.any([this.failed, ...(this.#own === undefined ? [] : [this.#own])]);
  }

  /** Agrees on the number of ranks with which the training began, which rank 0 knows. */
  async agreeOnBatch(batchRanks: number): Promise<void> {
    const agreed = Float64Array.of(batchRanks);
    await this.#group.broadcast(agreed);
    this.#batchRanks = agreed[0] ?? batchRanks;
  }

  /** Adds the results of all ranks for one step. */
  readonly reduceStep: ReduceStep = {
    gradients: (values) => this.#group.allReduce(values),
    counts: async (own) => (await this.#sumCounts(own)).all,
  };

  /**
   * Replaces the arrays by their mean over all ranks, weighted by the targets of each: what they have learned by themselves, together.
   * The ranks take the same steps again after it.
   */
  async merge(arrays: MergedArrays, own: LocalCounts): Promise<LocalCounts> {
    const { normSum, taken, skipped } = own;
    const { all, more } = await this.#sumCounts(own, [normSum, taken, skipped]);
    const weight = all.targets > 0 ? own.targets / all.targets : 1 / this.#group.worldSize;
    await arrays.replace(weight, (values) => this.#group.allReduce(values));
    const [allNorms = NaN, allTaken = 0, allSkipped = 0] = more;
    return { ...all, normSum: allNorms, taken: allTaken, skipped: allSkipped };
  }

  /** Adds the counts of all ranks, and hears whether one is asked to end. @param more  numbers that are added with them */
  async #sumCounts(
    { lossSum, correct, targets, tokens }: StepCounts,
    more: readonly number[] = [],
  ): Promise<{ readonly all: StepCounts; readonly more: readonly number[] }> {
    const counted = correct === undefined ? 0 : 1;
    const wish = this.#own?.aborted === true ? 1 : 0;
    const sums = Float64Array.of(lossSum, correct ?? 0, counted, targets, tokens, wish, ...more);
    await this.#group.allReduce(sums);
    const [allLoss = NaN, allCorrect = 0, counting = 0, allTargets = 0, allTokens = 0, wishes = 0, ...rest] = sums;
    if (wishes > 0) this.#ending.abort(new DOMException('Interrupted.', 'AbortError'));
    const all = {
      lossSum: allLoss,
      correct: counting > 0 ? allCorrect : undefined,
      targets: allTargets,
      tokens: allTokens,
    };
    return { all, more: rest };
  }

  /** Adds numbers of all ranks. */
  async sum(...numbers: number[]): Promise<readonly number[]> {
    const sums = Float64Array.from(numbers);
    await this.#group.allReduce(sums);
    return [...sums];
  }

  /** Gives the arrays and bytes of rank 0 to all, in place. */
  async broadcast(values: Uint8Array | Float32Array | Float64Array): Promise<void> {
    await this.#group.broadcast(values);
  }

  /** Gives a text of rank 0 to all. @param text  read on rank 0 only */
  async shareText(text: string | undefined): Promise<string> {
    const own = Buffer.from(this.leads ? (text ?? '') : '');
    const length = Float64Array.of(own.length);
    await this.#group.broadcast(length);
    const bytes = this.leads ? own : Buffer.alloc(length[0] ?? 0);
    await this.#group.broadcast(bytes);
    return bytes.toString('utf8');
  }

  /** The texts of all ranks, on rank 0. */
  async collectTexts(text: string): Promise<readonly string[] | undefined> {
    const gathered = await this.#group.gather(Buffer.from(text));
    return gathered?.map((bytes) => Buffer.from(bytes).toString('utf8'));
  }

  /** Waits for all. */
  barrier(): Promise<void> {
    return this.#group.barrier();
  }

  /** Tells the others why this rank ends. */
  async abort(reason: string): Promise<void> {
    if (!this.isAlone) await this.#group.abort(reason);
  }
}
