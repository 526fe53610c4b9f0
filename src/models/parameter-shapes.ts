import type { BaseModel } from './base-model.ts';

/** The shapes of all parameters of a base by name: the weights in its files and those of a new head. */
export function parameterShapes({
  weights,
  headWeights,
}: Pick<BaseModel, 'weights' | 'headWeights'>): ReadonlyMap<string, { readonly shape: readonly number[] }> {
  return headWeights === undefined ? weights : new Map([...weights, ...headWeights]);
}
