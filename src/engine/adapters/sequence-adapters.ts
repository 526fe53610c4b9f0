import type { AdapterLease } from '../../routing/index.ts';
import type { AppliedAdapter } from './adapter-window.ts';
import type { PreparedAdapter } from './prepared-adapter.ts';

/**
 * The adapters of one sequence. They are leased at the call, and active once their weights are in the rows that steps read. The engine
 * loop activates them before the first run of the sequence, and releases them when it leaves.
 */
export interface SequenceAdapters {
  /** The adapters by the names that the request gave, for the answer. */
  readonly named: readonly NamedAdapter[];
  /**
   * The adapters that each step applies. The same array until its contents change. The arena may replace the array, between two runs
   * only. Empty for the base.
   */
  readonly applied: readonly AppliedAdapter[];
  /** False until the weights are in place. The sequence is not run before that. */
  readonly isActive: boolean;
  /**
   * Copies the weights into the arena while other sequences run. Resolves at once if they are there already.
   * @throws EspalierError if the weights cannot be read any more. Only this sequence then fails.
   */
  activate(): Promise<void>;
  /** Releases the leases. Idempotent, and allowed before `activate` has resolved. */
  release(): void;
}

/** The adapter version that a request got at the call. It does not change. */
export interface NamedAdapter {
  readonly name: string;
  /** SHA-256 of the adapter's content. */
  readonly version: string;
  readonly scale: number;
}

/** An adapter that a request asks for. */
export interface RequestedAdapter {
  /** Belongs to the caller. The engine takes a share of it for the time of the request. */
  readonly lease: AdapterLease<PreparedAdapter>;
  /** 1 by default. */
  readonly scale?: number;
}

/** One shared array, so that a batch of base rows is recognized to have the same adapters in every step. */
export const noneApplied: readonly AppliedAdapter[] = [];

/** For sequences of the base. */
export const noAdapters: SequenceAdapters = {
  named: [],
  applied: noneApplied,
  isActive: true,
  activate: () => Promise.resolve(),
  release: () => undefined,
};
