import type { AppliedAdapter } from '../adapters/adapter-window.ts';
import type { TokenScores } from '../sampling/token-scores.ts';
import type { SlotStore } from './slot-store.ts';

/** A running sequence, as a decode step needs it. */
export interface DecodeRow {
  /** The input token of the step. */
  readonly lastToken: number;
  /** Number of tokens before it, which have run. */
  readonly length: number;
  /** Must stay the same array until its contents change. */
  readonly adapters: readonly AppliedAdapter[];
}

/** Runs one token of each sequence. Row i is the sequence in slot `slot + i`. */
export interface DecodeStep {
  readonly kind: 'decode';
  readonly slot: number;
  readonly rows: readonly DecodeRow[];
  /** Number of most likely tokens that are enough to draw the next one; Infinity if every logit is needed. */
  readonly candidates: number;
}

/** Runs the tokens [start, end) of a prompt in a slot. The tokens before `start` must have run in the same slot. */
export interface PrefillStep {
  readonly kind: 'prefill';
  readonly slot: number;
  /** The whole prompt. */
  readonly tokens: ArrayLike<number>;
  readonly start: number;
  readonly end: number;
  readonly adapters: readonly AppliedAdapter[];
  /** The tokens of the step after which the logits are wanted. `every` is allowed only in steps of at most `reportedChunk` tokens. */
  readonly logits: 'last' | 'every';
}

export type Step = PrefillStep | DecodeStep;

/** One row for each row of a decode step, or for each token of a prefill whose logits are wanted. Further rows are undefined. */
export interface StepOutput {
  readonly rows: readonly TokenScores[];
}

/**
 * Runs sequences in slots, one step at a time, in three phases. The runner does `prepare` and `run`; the caller commits. A run appends
 * to a slot beyond the row's length. The appended part belongs to the sequence only after the caller has advanced the length. A step
 * that fails in either phase therefore leaves every row as it was, and can be tried again.
 */
export interface StepRunner {
  readonly slots: SlotStore;
  /** Prepares a step. Changes no slot. */
  prepare(step: Step): Promise<void>;
  /**
   * Runs the last prepared step.
   * @returns rows that are valid until the next step of the same kind
   * @throws the signal's reason if it has aborted
   */
  run(signal?: AbortSignal): Promise<StepOutput>;
  /** Must not be called during a run. */
  dispose(): void;
}

/** Prepares and runs a step. */
export async function runStep(runner: StepRunner, step: Step, signal?: AbortSignal): Promise<StepOutput> {
  await runner.prepare(step);
  return runner.run(signal);
}
