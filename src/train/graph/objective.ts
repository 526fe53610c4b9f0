import type { Model } from '../../ir/index.ts';
import { buildClassificationTrainingGraph, buildTrainingGraph, type BaseModel } from '../../models/index.ts';

/**
 * The objective: the next tokens of each row, the class of each row or of each of its tokens, numbers for each row (with the mean squared error), or for each
 * class whether it fits the row.
 * `tokenTypes`: rows have segments.
 */
export type Objective =
  | { readonly kind: 'next-token' }
  | { readonly kind: 'classes' | 'numbers' | 'flags' | 'tokens'; readonly tokenTypes: boolean };

export interface ObjectiveOptions {
  readonly full: boolean;
  /** Weights that are inputs. */
  readonly given: ReadonlySet<string>;
  readonly maxLength: number;
}

/**
 * Builds the base up to the loss.
 * @throws EspalierError MODEL_TASK_UNSUPPORTED if the base does not support the objective
 */
export function buildObjective(base: BaseModel, objective: Objective, options: ObjectiveOptions): Model {
  const { full, given, maxLength } = options;
  if (objective.kind === 'next-token') {
    return buildTrainingGraph(base, { full, maxLength, packed: base.packsRows === true });
  }
  const { kind: targets, tokenTypes } = objective;
  return buildClassificationTrainingGraph(base, { targets, full, given, tokenTypes, maxLength });
}
