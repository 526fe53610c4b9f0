import type { DataPosition } from '../data/step-plan.ts';
import type { OptimizerState } from '../optimizer/optimizer-memory.ts';

/**
 * The state from which a training continues, besides its weights and its settings, as plain data: it survives a structured clone, and
 * every part of it can be written to a file. A training that continues from it takes the same steps, bit for bit, as one that was never
 * interrupted.
 */
export interface RunState {
  /** Number of optimizer steps taken. */
  readonly step: number;
  /** The position in the data at which the next step begins. */
  readonly position: DataPosition;
  readonly optimizer: OptimizerState;
  /** Steps whose loss or gradients were not finite, and which changed nothing. */
  readonly skipped: number;
  /** WHY only a seed: every random number is a function of the seed and of its purpose, and does not depend on earlier draws. */
  readonly random: { readonly seed: number };
}
