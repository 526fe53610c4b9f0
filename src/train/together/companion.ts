import type { BaseModel } from '../../models/index.ts';
import type { Passes } from '../graph/passes.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';

/** A training's place among others that are trained at the same time. */
export interface Companion {
  /** The base that all share. */
  readonly base: BaseModel;
  /**
   * Waits until every training has read its inputs.
   * @throws RefusedCompany if one of the others was refused
   */
  enter(inputs: TrainingInputs): Promise<Passes>;
  /** Takes no further step and no further evaluation. Idempotent. */
  leave(): void;
  /** Runs a task that loads the base once more, when no other training does. `later`: when all have left. */
  inTurn<Result>(task: () => Promise<Result>, options?: { readonly later?: boolean }): Promise<Result>;
}

/** Another training was refused, so that none begins. */
export class RefusedCompany extends Error {}
