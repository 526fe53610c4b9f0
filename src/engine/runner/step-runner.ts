import type { AppliedAdapter } from '../adapters/adapter-window.ts';
import type { TokenScores } from '../sampling/token-scores.ts';
import type { SlotStore } from './slot-store.ts';

/** A running sequence, as a decode step needs it. */
export interface DecodeRow {
  /** The token that the step takes in. */
  readonly lastToken: number;
  /** Tokens before it, which have run. */
  readonly length: number;
  /** Must stay the same array while nothing in it changes. */
  readonly adapters: readonly AppliedAdapter[];
}

/** Takes one token of each sequence in: row i is the sequence in slot `slot + i`. */
export interface DecodeStep {
  readonly kind: 'decode';
  readonly slot: number;
  readonly rows: readonly DecodeRow[];
  /** As many of the likeliest tokens are enough to draw the next; Infinity where every logit is needed. */
  readonly candidates: number;
}

/** Runs the tokens [start, end) of a prompt in a slot; those before `start` must have run there. */
export interface PrefillStep {
  readonly kind: 'prefill';
  readonly slot: number;
  /** The whole prompt. */
  readonly tokens: ArrayLike<number>;
  readonly start: number;
  readonly end: number;
  readonly adapters: readonly AppliedAdapter[];
  /** After which of the step's tokens the logits are wanted; after each of them in steps of at most `reportedChunk` tokens only. */
  readonly logits: 'last' | 'every';
}

export type Step = PrefillStep | DecodeStep;

/** One row for each row of a decode step, or for each token of a prefill whose logits are wanted; more rows mean nothing. */
export interface StepOutput {
  readonly rows: readonly TokenScores[];
}

/**
 * Runs sequences in slots, one step at a time, in three phases: `prepare` and `run` are the runner's, the commit is the caller's. What
 * a run appends to a slot lies beyond the row's length, and becomes part of the sequence when the caller counts it in. So a step that
 * fails, in either phase, leaves every row as it was, and can be tried again.
 */
export interface StepRunner {
  readonly slots: SlotStore;
  /** Makes a step ready. Changes nothing in any slot. */
  prepare(step: Step): Promise<void>;
  /**
   * Runs the step that was prepared last.
   * @returns rows that are valid until the next step of the same kind
   * @throws the signal's reason when it has aborted
   */
  run(signal?: AbortSignal): Promise<StepOutput>;
  /** Must not be called during a run. */
  dispose(): void;
}

/** Both phases. */
export async function runStep(runner: StepRunner, step: Step, signal?: AbortSignal): Promise<StepOutput> {
  await runner.prepare(step);
  return runner.run(signal);
}
