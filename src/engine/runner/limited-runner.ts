import type { TokenScores } from '../sampling/token-scores.ts';
import { isCandidates } from '../sampling/token-scores.ts';
import type { SlotStore } from './slot-store.ts';
import {
  runStep,
  type DecodeRow,
  type DecodeStep,
  type PrefillStep,
  type Step,
  type StepOutput,
  type StepRunner,
} from './step-runner.ts';
import type { DecodeAbilities } from './try-decode.ts';

export interface LimitedOptions {
  readonly slots: number;
  readonly vocabulary: number;
  readonly abilities: DecodeAbilities;
}

/**
 * A runner for a graph that cannot run a whole batch at once. It divides a step into parts that the graph is known to compute
 * correctly, and joins the results. They are those of each sequence alone.
 */
export class LimitedRunner implements StepRunner {
  readonly #runner: StepRunner;
  readonly #abilities: DecodeAbilities;
  readonly #logits: readonly Float32Array[];
  #step: Step | undefined;

  /** Takes ownership of the runner. */
  constructor(runner: StepRunner, { slots, vocabulary, abilities }: LimitedOptions) {
    this.#runner = runner;
    this.#abilities = abilities;
    this.#logits = Array.from({ length: slots }, () => new Float32Array(vocabulary));
  }

  get slots(): SlotStore {
    return this.#runner.slots;
  }

  /** Prepares a step that the graph can run as a whole. The parts of any other step are prepared when they run. */
  async prepare(step: Step): Promise<void> {
    this.#step = undefined;
    if (this.#isWhole(step)) await this.#runner.prepare(step);
    this.#step = step;
  }

  async run(signal?: AbortSignal): Promise<StepOutput> {
    const step = this.#step;
    if (step === undefined) throw new RangeError('No step was prepared');
    if (this.#isWhole(step)) return this.#runner.run(signal);
    return { rows: await (step.kind === 'decode' ? this.#decode(step, signal) : this.#prefill(step, signal)) };
  }

  #isWhole(step: Step): boolean {
    return step.kind === 'decode' ? this.#abilities.rows === 'any' : this.#abilities.takesChunks;
  }

  async #prefill(step: PrefillStep, signal: AbortSignal | undefined): Promise<readonly TokenScores[]> {
    const every: Float32Array[] = [];
    for (let start = step.start; ; start++) {
      const { rows } = await runStep(this.#runner, { ...step, start, end: start + 1, logits: 'last' }, signal);
      if (step.logits === 'every') every.push(Float32Array.from(logitsOf(rows[0])));
      if (start + 1 >= step.end) return step.logits === 'every' ? every : rows;
    }
  }

  async #decode(
    { rows, slot: first, ...step }: DecodeStep,
    signal: AbortSignal | undefined,
  ): Promise<readonly Float32Array[]> {
    for (let row = 0, end = 0; row < rows.length; row = end) {
      end = this.#endOfGroup(rows, row);
      const group = { ...step, rows: rows.slice(row, end), slot: first + row, candidates: Infinity };
      const { rows: answers } = await runStep(this.#runner, group, signal);
      for (let place = row; place < end; place++) this.#logits[place]?.set(logitsOf(answers[place - row]));
    }
    return this.#logits;
  }

  /** The end of a group of neighbours of one length, if the graph can run these together. */
  #endOfGroup(batch: readonly DecodeRow[], first: number): number {
    if (this.#abilities.rows === 'alone') return first + 1;
    const end = batch.findIndex(({ length }, slot) => slot > first && length !== batch[first]?.length);
    return end < 0 ? batch.length : end;
  }

  /** Must not be called during a run. */
  dispose(): void {
    this.#runner.dispose();
  }
}

function logitsOf(scores: TokenScores | undefined): Float32Array {
  if (scores === undefined || isCandidates(scores))
    throw new RangeError('A runner gave no logits where all were asked for');
  return scores;
}
