import type { AdapterLease } from '../../control/index.ts';
import type { AppliedAdapter } from './adapter-window.ts';
import type { PreparedAdapter } from './prepared-adapter.ts';

/**
 * The adapters of one sequence: leased from the call on, active from the time their weights lie where steps read them.
 * The engine loop activates them before the sequence's first run and releases them when it leaves.
 */
export interface SequenceAdapters {
  /** As the request names them, for the answer. */
  readonly named: readonly NamedAdapter[];
  /**
   * What each step applies. The same array while nothing in it changes. The arena may put another array here, between two
   * runs only. Empty for the base.
   */
  readonly applied: readonly AppliedAdapter[];
  /** False until the weights are in place; a sequence is not run before. */
  readonly isActive: boolean;
  /**
   * Brings the weights in while other sequences run. Resolves at once where they are in place.
   * @throws EspalierError where the weights cannot be had any more; the sequence then fails alone
   */
  activate(): Promise<void>;
  /** Gives the leases back. Idempotent, and allowed before `activate` has resolved. */
  release(): void;
}

/** The adapter version that a request was given at the call, and keeps. */
export interface NamedAdapter {
  readonly name: string;
  /** SHA-256 of the adapter's content. */
  readonly version: string;
  readonly scale: number;
}

/** An adapter as a request wants it. */
export interface RequestedAdapter {
  /** Remains the caller's: the engine takes a share of it for as long as the request lasts. */
  readonly lease: AdapterLease<PreparedAdapter>;
  /** 1 by default. */
  readonly scale?: number;
}

/** Shared, so that a batch of base rows is seen to have the same adapters from step to step. */
export const noneApplied: readonly AppliedAdapter[] = [];

/** For sequences of the base. */
export const noAdapters: SequenceAdapters = {
  named: [],
  applied: noneApplied,
  isActive: true,
  activate: () => Promise.resolve(),
  release: () => undefined,
};
