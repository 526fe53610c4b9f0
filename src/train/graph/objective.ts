import type { Model } from '../../ir/index.ts';
import { buildClassificationTrainingGraph, buildTrainingGraph, type BaseModel } from '../../models/index.ts';

/**
 * What is learned: the next token of each row, the class of each row, or numbers for each row (their mean squared error).
 * `tokenTypes`: rows come with segments.
 */
export type Objective =
  { readonly kind: 'next-token' } | { readonly kind: 'classes' | 'numbers'; readonly tokenTypes: boolean };

export interface ObjectiveOptions {
  readonly full: boolean;
  /** Weights that are inputs. */
  readonly given: ReadonlySet<string>;
  readonly maxLength: number;
}

/**
 * The base up to the loss.
 * @throws EspalierError MODEL_TASK_UNSUPPORTED where the base cannot learn that
 */
export function buildObjective(base: BaseModel, objective: Objective, options: ObjectiveOptions): Model {
  const { full, given, maxLength } = options;
  if (objective.kind === 'next-token') {
    return buildTrainingGraph(base, { full, maxLength, packed: base.packsRows === true });
  }
  const { kind: targets, tokenTypes } = objective;
  return buildClassificationTrainingGraph(base, { targets, full, given, tokenTypes, maxLength });
}
