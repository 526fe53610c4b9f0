import type { DataPosition } from '../data/step-plan.ts';
import type { OptimizerState } from '../optimizer/optimizer-memory.ts';

/**
 * All that a training goes on from besides its weights and its settings, as plain data: it survives a structured clone, and every
 * part of it can be written to a file. A training that goes on from it takes the same steps, bit for bit, as one that was never
 * interrupted.
 */
export interface RunState {
  /** Optimizer steps taken. */
  readonly step: number;
  /** Where in the data the next step begins. */
  readonly position: DataPosition;
  readonly optimizer: OptimizerState;
  /** WHY a seed and nothing else: every random number is a function of the seed and of what it is for, and none of what was drawn before. */
  readonly random: { readonly seed: number };
}
