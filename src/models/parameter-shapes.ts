import type { BaseModel } from './base-model.ts';

/** Shapes of all that a base computes with, by name: of the weights in its files, and of a new head's. */
export function parameterShapes({
  weights,
  headWeights,
}: Pick<BaseModel, 'weights' | 'headWeights'>): ReadonlyMap<string, { readonly shape: readonly number[] }> {
  return headWeights === undefined ? weights : new Map([...weights, ...headWeights]);
}
